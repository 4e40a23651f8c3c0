#include "gateway/core/job_json.h"

#include <nlohmann/json.hpp>

#include "src/base/base64.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

void put(ordered_json& json, const char* name, const std::string& text) {
    if (!text.empty()) json[name] = text;
}
void put(ordered_json& json, const char* name, const std::optional<Time>& time) {
    if (time) json[name] = format_rfc3339(*time);
}
void put(ordered_json& json, const char* name, const std::optional<Duration>& time) {
    if (time) json[name] = seconds(*time);
}

// Checked before: nlohmann throws at numbers that no double holds, and recurses as deep as the text does.
ordered_json parsed(const std::string& text) {
    if (!jobqueue::json_fault(text).empty()) return text;
    ordered_json json = ordered_json::parse(text, nullptr, false);
    return json.is_discarded() ? ordered_json(text) : json;
}

ordered_json error_json(const JobError& error) {
    ordered_json json{{"class", error.error_class}};
    if (error.status != 0) json["status"] = error.status;
    put(json, "message", error.message);
    return json;
}

void put_result(ordered_json& json, const JobResult& result) {
    switch (result.kind) {
        case JobResult::Kind::none: return;
        case JobResult::Kind::json: json["result"] = parsed(result.content); break;
        case JobResult::Kind::text: json["result"] = result.content; break;
        case JobResult::Kind::bytes: json["resultBase64"] = base64_encode(result.content); break;
        case JobResult::Kind::left_out: json["resultLeftOut"] = result.left_out; break;
    }
    put(json, "resultType", result.content_type);
}

ordered_json times_json(const TimeFigures& times) {
    return {{"count", times.count},
            {"mean", seconds(times.mean)},
            {"p50", seconds(times.p50)},
            {"p95", seconds(times.p95)},
            {"p99", seconds(times.p99)}};
}

ordered_json minute_json(const MinuteFigures& minute) {
    return {{"at", format_rfc3339(minute.minute)},
            {"completed", minute.completed},
            {"failed", minute.failed},
            {"cancelled", minute.cancelled},
            {"retried", minute.retried}};
}

double share(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

ordered_json job_json(const Job& job) {
    ordered_json json{{"id", job.key.id}, {"queue", job.key.queue}};
    put(json, "type", job.type);
    json["state"] = state_name(job.state);
    json["run"] = job.run;
    json["attempt"] = job.attempt;
    if (job.max_attempts != 0) json["maxAttempts"] = job.max_attempts;
    json["since"] = format_rfc3339(job.since);
    json["submittedAt"] = format_rfc3339(job.submitted_at);
    put(json, "startedAt", job.started_at);
    put(json, "finishedAt", job.finished_at);
    put(json, "dueAt", job.due_at);
    json["updatedAt"] = format_rfc3339(job.updated_at);
    put(json, "busy", job.busy);
    put(json, "pod", job.pod);
    if (job.error) json["error"] = error_json(*job.error);
    if (job.progress) {
        ordered_json progress = ordered_json::object();
        if (job.progress->percent) progress["percent"] = *job.progress->percent;
        put(progress, "step", job.progress->step);
        put(progress, "message", job.progress->message);
        json["progress"] = std::move(progress);
    }
    if (!job.labels.empty()) json["labels"] = parsed(job.labels);
    if (!job.topic.empty()) {
        json["place"] = {{"topic", job.topic}, {"partition", job.partition}, {"offset", job.offset}};
    }
    return json;
}

ordered_json job_json(const JobDetail& detail, const std::optional<Eta>& eta) {
    ordered_json json = job_json(detail.job);
    if (eta) {
        json["eta"] = {{"at", format_rfc3339(eta->at)}, {"by", eta_source(eta->by)}};
    }
    put_result(json, detail.job.result);
    for (const IntermediateResult& each : detail.intermediate) {
        ordered_json one{{"at", format_rfc3339(each.at)}, {"attempt", each.attempt}};
        put_result(one, each.result);
        json["intermediateResults"].push_back(std::move(one));
    }
    return json;
}

ordered_json transition_json(const Transition& transition) {
    ordered_json json{{"at", format_rfc3339(transition.at)},
                      {"event", jobqueue::job_event_name(transition.event)},
                      {"run", transition.run},
                      {"attempt", transition.attempt}};
    put(json, "pod", transition.pod);
    if (transition.error) json["error"] = error_json(*transition.error);
    put(json, "dueAt", transition.due_at);
    put(json, "busy", transition.busy);
    return json;
}

ordered_json log_json(const LogEntry& entry) {
    ordered_json json{{"at", format_rfc3339(entry.at)}, {"run", entry.run}, {"attempt", entry.attempt}};
    put(json, "level", entry.level);
    json["lines"] = entry.lines;
    if (entry.lines_left_out != 0) json["linesLeftOut"] = entry.lines_left_out;
    return json;
}

ordered_json counts_json(const StateCounts& counts) {
    ordered_json json = ordered_json::object();
    for (const JobState state : visible_states) {
        const auto count = counts.find(state);
        json[std::string(state_name(state))] = count == counts.end() ? 0 : count->second;
    }
    return json;
}

ordered_json figures_json(const QueueFigures& figures, Time since, Time now) {
    const MinuteFigures& total = figures.total;
    const std::int64_t ended = total.completed + total.failed;
    const double minutes = std::max(seconds(now - since) / 60, 1.0);
    ordered_json json{{"since", format_rfc3339(since)},
                      {"completed", total.completed},
                      {"failed", total.failed},
                      {"cancelled", total.cancelled},
                      {"retried", total.retried},
                      {"perMinute", static_cast<double>(ended) / minutes},
                      {"failureRate", share(total.failed, ended)},
                      {"retryRate", share(total.retried, ended + total.retried)},
                      {"run", times_json(figures.run)},
                      {"wait", times_json(figures.wait)},
                      {"errors", figures.errors}};
    for (const auto& [type, times] : figures.types) json["types"][type] = times_json(times);
    json["minutes"] = ordered_json::array();
    for (const MinuteFigures& minute : figures.minutes) json["minutes"].push_back(minute_json(minute));
    return json;
}

std::string to_text(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace drover::gateway
