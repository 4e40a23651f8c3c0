#include "cli/gateway/tables.h"

#include <algorithm>

#include "cli/columns.h"
#include "cli/figures.h"

namespace drover::cli {
namespace {

constexpr const char* none = "–";

std::string count_text(std::int64_t count) { return with_thousands(count); }
Span count_span(std::int64_t count, Style style = Style::plain) {
    return {count_text(count), count == 0 ? Style::dim : style};
}

std::string age_text(const std::optional<Time>& time, Time now) { return time ? age(now - *time) : none; }
std::string rate_text(const std::optional<double>& rate) { return rate ? per_second(*rate) : none; }

Span state_of(const QueueAnswer& queue) {
    if (!queue.trouble.empty()) return {"Trouble", Style::red};
    if (queue.paused) return {"Paused", Style::yellow};
    if (queue.count("active") > 0) return {"Active", Style::green};
    if (queue.lag.value_or(0) > 0 || queue.count("waiting") > 0) return {"Waiting", Style::plain};
    return {"Idle", Style::dim};
}

std::string attempt_text(const JobAnswer& job) {
    std::string text = std::to_string(job.attempt);
    if (job.max_attempts) text.append("/").append(std::to_string(*job.max_attempts));
    if (job.run > 0) text.append(" run ").append(std::to_string(job.run));
    return text;
}

std::string workers_text(const QueueAnswer& queue) {
    if (!queue.scale) return none;
    const ScaleAnswer& scale = *queue.scale;
    return std::to_string(scale.ready.value_or(scale.replicas)) + "/" + std::to_string(scale.desired);
}

Column left(const char* heading, int importance) {
    return {.heading = heading, .importance = importance, .to_the_right = false};
}
Column right(const char* heading, int importance) { return {.heading = heading, .importance = importance}; }

// Names are there to be copied, so that other columns go before they are cut.
void keep_whole(Column& names) {
    constexpr int longest = 40;
    for (const Span& each : names.cells)
        names.least_width = std::max(names.least_width, std::min(display_width(each.text), longest));
}

Line field(const char* name, const std::string& value, Style style = Style::plain) {
    std::string label = name;
    label.resize(12, ' ');
    return {{"  " + label, Style::dim}, {value, style}};
}

std::string first_text(const Json& list) {
    return !list.empty() && list[0].is_string() ? list[0].get<std::string>() : "";
}

}  // namespace

std::string utc(const std::optional<Time>& time) {
    if (!time) return none;
    std::string text = format_rfc3339(*time).substr(0, 19);
    text[10] = ' ';
    return text;
}

Style state_style(const std::string& state) {
    if (state == "completed") return Style::green;
    if (state == "failed") return Style::red;
    if (state == "retrying" || state == "cancelled" || state == "cancelling") return Style::yellow;
    return state == "active" ? Style::bold : Style::plain;
}

std::string error_text(const JobAnswer& job) {
    std::string text = job.error_class;
    if (!job.error_message.empty()) text.append(text.empty() ? "" : ": ").append(job.error_message);
    return one_line(text);
}

std::string pause_text(const PauseAnswer& pause) {
    std::string text = one_line(pause.source);
    if (!pause.by.empty()) text.append(" (").append(one_line(pause.by)).append(")");
    if (pause.at) text.append(" since ").append(utc(pause.at)).append(" UTC");
    if (!pause.reason.empty()) text.append(": ").append(one_line(pause.reason));
    return text;
}

std::vector<Line> queue_lines(const std::vector<QueueAnswer>& queues, const View& view) {
    Column names{.heading = "QUEUE", .to_the_right = false};
    Column state = left("STATE", 9), waiting = right("WAITING", 8), active = right("ACTIVE", 7),
           retrying = right("RETRYING", 5), delayed = right("DELAYED", 2), dead = right("DEAD", 10),
           done = right("DONE/S", 6), failing = right("FAILING", 4), oldest = right("OLDEST", 3),
           workers = right("WORKERS", 5);
    state.least_width = 7;
    for (const QueueAnswer& queue : queues) {
        names.cells.push_back({one_line(queue.name)});
        state.cells.push_back(state_of(queue));
        waiting.cells.push_back(count_span(queue.count("waiting")));
        active.cells.push_back(count_span(queue.count("active")));
        retrying.cells.push_back(count_span(queue.count("retrying"), Style::yellow));
        delayed.cells.push_back(count_span(queue.count("delayed")));
        const std::int64_t failed = queue.counts.contains("failed") ? queue.count("failed") : queue.dead;
        dead.cells.push_back(count_span(failed, Style::red));
        done.cells.push_back({rate_text(queue.completed_rate)});
        failing.cells.push_back(
            queue.failure_rate ? Span{percent(*queue.failure_rate), *queue.failure_rate > 0 ? Style::red : Style::dim}
                               : Span{none});
        oldest.cells.push_back({age_text(queue.oldest_waiting, view.now)});
        workers.cells.push_back({workers_text(queue)});
    }
    keep_whole(names);
    return lay_out(names, {state, waiting, active, retrying, delayed, dead, done, failing, oldest, workers},
                   view.width);
}

std::vector<Line> job_lines(const std::vector<JobAnswer>& jobs, const View& view) {
    Column ids{.heading = "JOB", .to_the_right = false};
    Column type = left("TYPE", 4), state = left("STATE", 10), attempt = right("TRY", 5), since = right("SINCE", 8),
           submitted = right("AGE", 3), progress = left("PROGRESS", 2), error = left("ERROR", 6);
    for (const JobAnswer& job : jobs) {
        ids.cells.push_back({one_line(job.id)});
        type.cells.push_back({cut_end(one_line(job.type), 24)});
        state.cells.push_back({one_line(job.state), state_style(job.state)});
        attempt.cells.push_back({attempt_text(job)});
        since.cells.push_back({age_text(job.since, view.now)});
        submitted.cells.push_back({age_text(job.submitted_at, view.now)});
        std::string at = job.percent && !has_ended(job) ? std::to_string(*job.percent) + " %" : "";
        if (!job.step.empty() && !has_ended(job))
            at.append(at.empty() ? "" : " ").append(cut_end(one_line(job.step), 16));
        progress.cells.push_back({at});
        // Errors may be long: where it is no terminal too, a table is not the place for all of one.
        error.cells.push_back({cut_end(error_text(job), 60), job.state == "failed" ? Style::red : Style::yellow});
    }
    keep_whole(ids);
    return lay_out(ids, {type, state, attempt, since, submitted, progress, error}, view.width);
}

std::vector<Line> error_lines(const std::vector<ErrorGroupAnswer>& groups, const View& view) {
    Column names{.heading = "ERROR", .to_the_right = false};
    Column count = right("JOBS", 10), first = right("FIRST", 3), last = right("LAST", 6), types = left("TYPES", 2),
           example = left("EXAMPLE", 5);
    for (const ErrorGroupAnswer& group : groups) {
        std::string text = one_line(group.error_class);
        if (!group.message.empty()) text.append(": ").append(one_line(group.message));
        names.cells.push_back({cut_end(text, 100), Style::red});
        count.cells.push_back({count_text(group.count)});
        first.cells.push_back({age_text(group.first, view.now)});
        last.cells.push_back({age_text(group.last, view.now)});
        std::string all;
        for (const auto& [type, number] : group.types) {
            if (type.empty()) continue;
            all.append(all.empty() ? "" : ", ").append(one_line(type)).append(" ").append(count_text(number));
        }
        types.cells.push_back({cut_end(all, 30)});
        example.cells.push_back({group.sample.empty() ? none : one_line(group.sample.front())});
    }
    return lay_out(names, {count, first, last, types, example}, view.width);
}

std::vector<Line> operation_lines(const std::vector<OperationAnswer>& operations, const View& view) {
    Column ids{.heading = "OPERATION", .to_the_right = false};
    Column action = left("ACTION", 8), state = left("STATE", 10), done = right("DONE", 9), matched = right("OF", 8),
           skipped = right("SKIPPED", 4), failed = right("FAILED", 6), began = right("AGE", 5), by = left("BY", 3),
           reason = left("REASON", 2);
    for (const OperationAnswer& each : operations) {
        ids.cells.push_back({one_line(each.id)});
        action.cells.push_back({one_line(each.action)});
        state.cells.push_back(
            {one_line(each.state), each.state == "aborted" ? Style::yellow : state_style(each.state)});
        done.cells.push_back({count_text(each.done)});
        matched.cells.push_back({count_text(each.matched)});
        skipped.cells.push_back(count_span(each.skipped, Style::yellow));
        failed.cells.push_back(count_span(each.failed, Style::red));
        began.cells.push_back({age_text(each.started_at, view.now)});
        by.cells.push_back({cut_end(one_line(each.by), 20)});
        const std::string& why = each.trouble.empty() ? each.reason : each.trouble;
        reason.cells.push_back({cut_end(one_line(why), 50), each.trouble.empty() ? Style::plain : Style::red});
    }
    keep_whole(ids);
    return lay_out(ids, {action, state, done, matched, skipped, failed, began, by, reason}, view.width);
}

std::vector<Line> schedule_lines(const Json& schedules, const View& view) {
    Column names{.heading = "SCHEDULE", .to_the_right = false};
    Column cron = left("CRON", 9), zone = left("TIME ZONE", 4), state = left("STATE", 8), next = left("NEXT (UTC)", 7),
           last = left("LAST (UTC)", 3), runs = right("RUNS", 2);
    for (const Json& each : schedules) {
        names.cells.push_back({one_line(text_of(each, "name"))});
        cron.cells.push_back({one_line(text_of(each, "cron"))});
        const std::string in = text_of(each, "timeZone");
        zone.cells.push_back({in.empty() ? "UTC" : one_line(in)});
        const std::string trouble = text_of(each, "trouble");
        if (!trouble.empty())
            state.cells.push_back({cut_end(one_line(trouble), 40), Style::red});
        else if (is_true(each, "paused"))
            state.cells.push_back({"Paused", Style::yellow});
        else
            state.cells.push_back({"Active", Style::green});
        next.cells.push_back({utc(parse_rfc3339(first_text(list_of(each, "nextRuns"))))});
        last.cells.push_back({utc(time_of(member(each, "lastRun"), "at"))});
        runs.cells.push_back({count_text(integer_of(each, "runs").value_or(0))});
    }
    return lay_out(names, {cron, zone, state, next, last, runs}, view.width);
}

Line transition_line(const Json& transition) {
    const std::string event = text_of(transition, "event");
    const Json& error = member(transition, "error");
    std::string text = one_line(event);
    if (const auto attempt = integer_of(transition, "attempt"); attempt && *attempt > 0)
        text.append(", try ").append(std::to_string(*attempt));
    if (const auto run = integer_of(transition, "run"); run && *run > 0)
        text.append(" of run ").append(std::to_string(*run));
    if (const std::string pod = text_of(transition, "pod"); !pod.empty()) text.append(" on ").append(one_line(pod));
    const std::string error_class = text_of(error, "class"), message = text_of(error, "message");
    if (!error_class.empty()) text.append(": ").append(one_line(error_class));
    if (!message.empty()) text.append(error_class.empty() ? ": " : " ").append(one_line(message));
    if (const auto due = time_of(transition, "dueAt")) text.append("; due ").append(utc(due));
    return {{utc(time_of(transition, "at")) + "  ", Style::dim}, {text, state_style(event)}};
}

std::vector<Line> log_lines(const Json& entry) {
    std::vector<Line> lines;
    const std::string level = text_of(entry, "level");
    const Style style = level == "error"                        ? Style::red
                        : level == "warn" || level == "warning" ? Style::yellow
                                                                : Style::plain;
    const std::string text = text_of(entry, "lines");
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        lines.push_back(
            {{utc(time_of(entry, "at")) + "  ", Style::dim}, {one_line(text.substr(begin, end - begin)), style}});
        begin = end + 1;
    }
    if (const auto left_out = integer_of(entry, "linesLeftOut"); left_out && *left_out > 0)
        lines.push_back(
            {{"                     … " + with_thousands(*left_out) + " more lines were not kept", Style::dim}});
    return lines;
}

std::vector<Line> job_page(const Json& json, const Json& history, const View& view) {
    const JobAnswer job = job_answer(json);
    std::vector<Line> lines{{{one_line(job.id), Style::bold}}};
    lines.push_back(field("Queue", one_line(job.queue)));
    if (!job.type.empty()) lines.push_back(field("Type", one_line(job.type)));
    std::string state = one_line(job.state);
    if (job.since) state.append(" for ").append(age(view.now - *job.since));
    lines.push_back(field("State", state, state_style(job.state)));
    if (job.attempt > 0 || job.run > 0) lines.push_back(field("Try", attempt_text(job)));
    lines.push_back(field("Submitted", utc(job.submitted_at)));
    if (job.started_at) lines.push_back(field("Started", utc(job.started_at)));
    if (job.finished_at) lines.push_back(field("Ended", utc(job.finished_at)));
    if (job.due_at && !has_ended(job)) lines.push_back(field("Due", utc(job.due_at)));
    if (job.busy) lines.push_back(field("Took", latency(*job.busy)));
    if (job.eta && !has_ended(job)) lines.push_back(field("Done at", utc(job.eta) + " (estimated)"));
    if (!job.pod.empty()) lines.push_back(field("Pod", one_line(job.pod)));
    if (job.percent || !job.step.empty() || !job.message.empty()) {
        std::string at = job.percent ? std::to_string(*job.percent) + " %" : "";
        for (const std::string& each : {job.step, job.message}) {
            if (!each.empty()) at.append(at.empty() ? "" : ", ").append(one_line(each));
        }
        lines.push_back(field("Progress", at));
    }
    if (!error_text(job).empty()) lines.push_back(field("Error", error_text(job), Style::red));
    if (const Json& labels = member(json, "labels"); !labels.is_null())
        lines.push_back(field("Labels", one_line(compact(labels))));
    if (const Json& result = member(json, "result"); !result.is_null()) {
        const std::string text = result.is_string() ? result.get<std::string>() : compact(result);
        lines.push_back(field("Result", cut_end(one_line(text), 400)));
    }
    if (history.is_array() && !history.empty()) {
        lines.push_back({{"  History (UTC)", Style::dim}});
        for (const Json& each : history) {
            Line line = transition_line(each);
            line.insert(line.begin(), {"    ", Style::plain});
            lines.push_back(std::move(line));
        }
    }
    return lines;
}

}  // namespace drover::cli
