#include "cli/gateway/answers.h"

#include <cmath>

#include "src/jobqueue/json_text.h"

namespace drover::cli {
namespace {

constexpr auto replace = Json::error_handler_t::replace;

std::optional<Duration> seconds_of(const Json& object, const char* name) {
    const auto seconds = number_of(object, name);
    if (!seconds || !std::isfinite(*seconds) || std::abs(*seconds) > 1e9) return std::nullopt;
    return Duration(std::llround(*seconds * 1e6));
}

int int_of(const Json& object, const char* name) { return static_cast<int>(integer_of(object, name).value_or(0)); }

std::map<std::string, std::int64_t> counts_of(const Json& object) {
    std::map<std::string, std::int64_t> counts;
    if (!object.is_object()) return counts;
    for (const auto& [name, value] : object.items()) {
        if (value.is_number_integer()) counts[name] = value.get<std::int64_t>();
    }
    return counts;
}

std::optional<ScaleAnswer> scale_answer(const Json& json) {
    if (!json.is_object()) return std::nullopt;
    ScaleAnswer scale{.replicas = integer_of(json, "replicas").value_or(0),
                      .desired = integer_of(json, "desired").value_or(0),
                      .min = integer_of(json, "min").value_or(0),
                      .max = integer_of(json, "max").value_or(0),
                      .ready = integer_of(json, "ready"),
                      .reason = text_of(json, "reason"),
                      .message = text_of(json, "message"),
                      .at = time_of(json, "at"),
                      .troubles = {}};
    for (const Json& each : list_of(json, "trouble")) {
        const std::string message = text_of(each, "message");
        scale.troubles.push_back(text_of(each, "what") + ": " + (message.empty() ? text_of(each, "reason") : message));
    }
    return scale;
}

}  // namespace

std::string compact(const Json& json) { return json.dump(-1, ' ', false, replace); }
std::string pretty(const Json& json) { return json.dump(2, ' ', false, replace); }

std::optional<Json> parse_json(std::string_view text) {
    if (!jobqueue::json_fault(text).empty()) return std::nullopt;
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return std::nullopt;
    return json;
}

const Json& member(const Json& object, const char* name) {
    static const Json none;
    if (!object.is_object()) return none;
    const auto found = object.find(name);
    return found == object.end() ? none : *found;
}

const Json& list_of(const Json& object, const char* name) {
    static const Json none = Json::array();
    const Json& list = member(object, name);
    return list.is_array() ? list : none;
}

std::string text_of(const Json& object, const char* name) {
    const Json& value = member(object, name);
    return value.is_string() ? value.get<std::string>() : "";
}

std::optional<std::int64_t> integer_of(const Json& object, const char* name) {
    const Json& value = member(object, name);
    if (!value.is_number_integer()) return std::nullopt;
    return value.get<std::int64_t>();
}

std::optional<double> number_of(const Json& object, const char* name) {
    const Json& value = member(object, name);
    if (!value.is_number()) return std::nullopt;
    return value.get<double>();
}

bool is_true(const Json& object, const char* name) {
    const Json& value = member(object, name);
    return value.is_boolean() && value.get<bool>();
}

std::optional<Time> time_of(const Json& object, const char* name) { return parse_rfc3339(text_of(object, name)); }

JobAnswer job_answer(const Json& json) {
    const Json &error = member(json, "error"), &progress = member(json, "progress");
    return {.id = text_of(json, "id"),
            .queue = text_of(json, "queue"),
            .type = text_of(json, "type"),
            .state = text_of(json, "state"),
            .pod = text_of(json, "pod"),
            .run = int_of(json, "run"),
            .attempt = int_of(json, "attempt"),
            .max_attempts = integer_of(json, "maxAttempts"),
            .since = time_of(json, "since"),
            .submitted_at = time_of(json, "submittedAt"),
            .started_at = time_of(json, "startedAt"),
            .finished_at = time_of(json, "finishedAt"),
            .due_at = time_of(json, "dueAt"),
            .eta = time_of(member(json, "eta"), "at"),
            .busy = seconds_of(json, "busy"),
            .error_class = text_of(error, "class"),
            .error_message = text_of(error, "message"),
            .error_status = integer_of(error, "status"),
            .percent = integer_of(progress, "percent"),
            .step = text_of(progress, "step"),
            .message = text_of(progress, "message")};
}

bool has_ended(const JobAnswer& job) {
    return job.state == "completed" || job.state == "failed" || job.state == "cancelled";
}

std::int64_t QueueAnswer::count(const std::string& state) const {
    const auto found = counts.find(state);
    return found == counts.end() ? 0 : found->second;
}

QueueAnswer queue_answer(const Json& json) {
    const Json& rates = member(json, "rates");
    QueueAnswer queue{.name = text_of(json, "name"),
                      .topic = text_of(json, "topic"),
                      .trouble = text_of(json, "trouble"),
                      .ordering = text_of(json, "ordering"),
                      .counts = counts_of(member(json, "counts")),
                      .lag = integer_of(json, "lag"),
                      .paused = is_true(json, "paused"),
                      .events = !json.is_object() || !json.contains("events") || is_true(json, "events"),
                      .completed_rate = number_of(rates, "completed"),
                      .failed_rate = number_of(rates, "failed"),
                      .retried_rate = number_of(rates, "retried"),
                      .failure_rate = number_of(rates, "failureRate"),
                      .oldest_waiting = time_of(json, "oldestWaitingAt"),
                      .scale = scale_answer(member(json, "scale"))};
    queue.dead = queue.count("dead");
    if (!queue.oldest_waiting) queue.oldest_waiting = time_of(member(json, "oldest"), "waiting");
    for (const Json& each : list_of(json, "pauses")) {
        queue.pauses.push_back(
            {text_of(each, "source"), text_of(each, "by"), text_of(each, "reason"), time_of(each, "at")});
    }
    return queue;
}

OperationAnswer operation_answer(const Json& json) {
    return {.id = text_of(json, "id"),
            .queue = text_of(json, "queue"),
            .action = text_of(json, "action"),
            .state = text_of(json, "state"),
            .by = text_of(json, "by"),
            .reason = text_of(json, "reason"),
            .trouble = text_of(json, "trouble"),
            .matched = integer_of(json, "matched").value_or(0),
            .done = integer_of(json, "done").value_or(0),
            .skipped = integer_of(json, "skipped").value_or(0),
            .failed = integer_of(json, "failed").value_or(0),
            .per_second = number_of(json, "ratePerSecond"),
            .started_at = time_of(json, "startedAt"),
            .updated_at = time_of(json, "updatedAt"),
            .ended_at = time_of(json, "endedAt")};
}

ErrorGroupAnswer error_group_answer(const Json& json) {
    const Json& error = member(json, "error");
    ErrorGroupAnswer group{.error_class = text_of(error, "class"),
                           .message = text_of(error, "message"),
                           .status = integer_of(error, "status"),
                           .count = integer_of(json, "count").value_or(0),
                           .first = time_of(json, "first"),
                           .last = time_of(json, "last"),
                           .types = counts_of(member(json, "types"))};
    for (const Json& id : list_of(json, "sample")) {
        if (id.is_string()) group.sample.push_back(id.get<std::string>());
    }
    return group;
}

}  // namespace drover::cli
