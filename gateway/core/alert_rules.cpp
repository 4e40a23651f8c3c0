#include "gateway/core/alert_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "gateway/core/access.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/units.h"

namespace drover::gateway {
namespace {

constexpr std::int64_t few_jobs = 10;  // of so few ended ones a rate says nothing

struct Rule {
    std::string_view name;
    bool is_over = false;
    std::string message;
};

std::string whole_seconds(Duration time) {
    return jobqueue::format_duration(std::chrono::round<std::chrono::seconds>(time));
}

std::array<Rule, 4> rules_of(const std::string& queue, const AlertFigures& seen, const AlertLimits& limits, Time now) {
    const std::int64_t ended = seen.completed + seen.failed;
    const double rate = ended < few_jobs ? 0 : static_cast<double>(seen.failed) / static_cast<double>(ended);
    const Duration wait = seen.oldest_waiting ? now - *seen.oldest_waiting : Duration{0};
    const bool has_run_limit = std::ranges::any_of(
        limits.mean_run_queues, [&](const std::string& pattern) { return matches_pattern(pattern, queue); });
    return {
        {{"JobsWaiting", seen.waiting > limits.waiting,
          std::to_string(seen.waiting) + " jobs wait, more than " + std::to_string(limits.waiting)},
         {"JobsFailing", rate > limits.failure_rate,
          std::to_string(seen.failed) + " of " + std::to_string(ended) + " jobs failed in the last minutes, " +
              std::to_string(std::lround(rate * 100)) + " %"},
         {"JobsSlow", has_run_limit && seen.mean_run > limits.mean_run,
          "a job takes " + whole_seconds(seen.mean_run) + " on average, more than " + whole_seconds(limits.mean_run)},
         {"JobsWaitLong", wait > limits.wait,
          "a job has waited for " + whole_seconds(wait) + ", more than " + whole_seconds(limits.wait)}}};
}

}  // namespace

std::vector<Alert> AlertBook::step(const std::string& queue, const AlertFigures& figures, const AlertLimits& limits,
                                   Time now) {
    std::vector<Alert> alerts;
    for (const Rule& rule : rules_of(queue, figures, limits, now)) {
        State& state = states_[{queue, std::string(rule.name)}];
        if (rule.is_over == state.firing) {
            state.other_since.reset();
            continue;
        }
        if (!state.other_since || *state.other_since > now) state.other_since = now;
        if (now - *state.other_since < limits.hold) continue;
        state.firing = rule.is_over;
        state.other_since.reset();
        alerts.push_back({queue, std::string(rule.name), rule.is_over, rule.message, now});
    }
    return alerts;
}

void AlertBook::forget(std::string_view queue) {
    std::erase_if(states_, [queue](const auto& each) { return each.first.first == queue; });
}

std::string alert_body(const Alert& alert) {
    std::string body = R"({"type":"alert.)" + std::string(alert.firing ? "firing" : "resolved") + R"(","timestamp":")" +
                       format_rfc3339(alert.at) + R"(","data":{"queue":)";
    jobqueue::append_json_string(body, alert.queue);
    body += R"(,"alert":)";
    jobqueue::append_json_string(body, alert.name);
    body += R"(,"message":)";
    jobqueue::append_json_string(body, alert.message);
    body += "}}";
    return body;
}

}  // namespace drover::gateway
