#include "cli/gateway/explain.h"

#include <algorithm>
#include <cmath>

#include "cli/figures.h"
#include "cli/gateway/tables.h"

namespace drover::cli {
namespace {

using Weight = Finding::Weight;

constexpr auto worker_is_lost = std::chrono::minutes(1);  // that was not heard of for so long

std::string plural(std::int64_t count, const char* one, const char* many) {
    return with_thousands(count) + " " + (count == 1 ? one : many);
}

std::string in_or_ago(Time time, Time now) { return time > now ? "in " + age(time - now) : age(now - time) + " ago"; }

void add_pauses(const QueueAnswer& queue, std::vector<Finding>& findings) {
    for (const PauseAnswer& pause : queue.pauses)
        findings.push_back({"paused", "the queue is paused by " + pause_text(pause), Weight::problem});
    if (queue.paused && queue.pauses.empty())
        findings.push_back({"paused", "the queue is paused by its spec (spec.paused: true)", Weight::problem});
}

struct Workers {
    std::int64_t heard = 0, active = 0;
};
Workers count_workers(const std::vector<Json>& workers, Time now) {
    Workers counted;
    for (const Json& each : workers) {
        const auto seen = time_of(each, "lastSeenAt");
        if (seen && now - *seen > worker_is_lost) continue;
        ++counted.heard;
        counted.active += integer_of(each, "active").value_or(0);
    }
    return counted;
}

std::string scale_text(const ScaleAnswer& scale) {
    return std::to_string(scale.ready.value_or(scale.replicas)) + " of " + std::to_string(scale.desired) +
           " workers are ready (of " + std::to_string(scale.min) + " to " + std::to_string(scale.max) + ")";
}

std::string why(const std::string& reason, const std::string& message) {
    if (reason.empty()) return one_line(message);
    return one_line(reason) + (message.empty() ? "" : ": " + one_line(message));
}

// What the workers do: for a job that waits, and for a queue.
void add_workers(const QueueAnswer& queue, bool work, const std::optional<std::vector<Json>>& workers, Time now,
                 std::vector<Finding>& findings) {
    if (queue.scale) {
        const std::int64_t ready = queue.scale->ready.value_or(queue.scale->replicas);
        const bool none = ready == 0 && work;
        std::string text = none && queue.scale->desired == 0 ? "no worker runs, and scaling wants none yet"
                           : none                            ? "no worker is ready: " + scale_text(*queue.scale)
                                                             : scale_text(*queue.scale);
        const std::string reason = why(queue.scale->reason, queue.scale->message);
        if (!reason.empty()) text += "; " + reason;
        findings.push_back({"workers", text, none ? Weight::problem : Weight::info});
        for (const std::string& trouble : queue.scale->troubles)
            findings.push_back({"trouble", one_line(trouble), Weight::problem});
    }
    if (!workers) return;
    const Workers counted = count_workers(*workers, now);
    if (counted.heard > 0 && counted.active > 0) {
        findings.push_back({"busy", plural(counted.heard, "worker has ", "workers have ") +
                                        plural(counted.active, "job", "jobs") + " in hand"});
    } else if (work && !queue.paused && !queue.scale && counted.heard == 0) {
        findings.push_back({"workers", "no worker has told of a job in the last minute", Weight::warning});
    }
}

void add_position(const JobFacts& facts, std::vector<Finding>& findings) {
    if (!facts.before) return;
    const std::string count = (facts.before_is_least ? "at least " : "") + with_thousands(*facts.before);
    findings.push_back({"position", *facts.before == 0   ? "no job of its queue waits before it"
                                    : *facts.before == 1 ? "1 job of its queue waits before it"
                                                         : count + " jobs of its queue wait before it"});
}

void add_estimate(const JobAnswer& job, Time now, std::vector<Finding>& findings) {
    if (!job.eta || *job.eta <= now) return;
    findings.push_back({"estimate", "it should be done in about " + age(*job.eta - now)});
}

std::string attempts_text(const JobAnswer& job) {
    std::string text = "try " + std::to_string(job.attempt);
    if (job.max_attempts) text += " of " + std::to_string(*job.max_attempts);
    return text;
}

void explain_waiting(const JobAnswer& job, const JobFacts& facts, const std::optional<QueueAnswer>& queue, Time now,
                     Explanation& to) {
    to.summary = "waits for a worker";
    std::vector<Finding> workers;
    if (queue) {
        add_pauses(*queue, to.findings);
        add_workers(*queue, true, facts.workers, now, workers);
        if (queue->paused)
            to.summary = "waits because its queue is paused";
        else if (std::ranges::any_of(workers, [](const Finding& each) { return each.weight == Weight::problem; }))
            to.summary = "waits because no worker is ready";
        else if (facts.before.value_or(0) > 0)
            to.summary = "waits for its turn";
    }
    add_position(facts, to.findings);
    to.findings.insert(to.findings.end(), workers.begin(), workers.end());
    add_estimate(job, now, to.findings);
}

void explain_retrying(const JobAnswer& job, const std::optional<QueueAnswer>& queue, Time now, Explanation& to) {
    to.summary = job.due_at ? "is tried again " + in_or_ago(*job.due_at, now) : "is tried again later";
    if (job.due_at && *job.due_at <= now) to.summary = "is due to be tried again since " + age(now - *job.due_at);
    std::string failed = attempts_text(job) + " failed";
    if (job.since) failed += " " + age(now - *job.since) + " ago";
    if (const std::string error = error_text(job); !error.empty()) failed += ": " + error;
    to.findings.push_back({"attempt", failed, Weight::warning});
    if (job.due_at) to.findings.push_back({"due", "the next try is due at " + utc(job.due_at) + " UTC"});
    if (queue) add_pauses(*queue, to.findings);
}

void explain_active(const JobAnswer& job, Time now, Explanation& to) {
    to.summary = "runs";
    const auto since = job.started_at ? job.started_at : job.since;
    if (since) to.summary += " for " + age(now - *since);
    if (!job.pod.empty()) to.summary += " on " + one_line(job.pod);
    std::string progress = job.percent ? std::to_string(*job.percent) + " %" : "";
    for (const std::string& each : {job.step, job.message}) {
        if (!each.empty()) progress.append(progress.empty() ? "" : ", ").append(one_line(each));
    }
    if (!progress.empty()) to.findings.push_back({"progress", "its worker says: " + progress});
    if (job.attempt > 1) {
        to.findings.push_back({"attempt",
                               "this is " + attempts_text(job) +
                                   (error_text(job).empty() ? "" : "; the one before failed: " + error_text(job)),
                               Weight::warning});
    }
    add_estimate(job, now, to.findings);
}

void explain_failed(const JobAnswer& job, Explanation& to) {
    to.summary = "failed";
    if (job.attempt > 0) to.summary += " at " + attempts_text(job);
    if (const std::string error = error_text(job); !error.empty())
        to.findings.push_back({"error", error, Weight::problem});
    to.findings.push_back({"advice", "'drover dead show " + one_line(job.id) +
                                         "' shows its payload and history, 'drover retry " + one_line(job.id) +
                                         "' tries it again"});
}

void explain_cancelled(const JobFacts& facts, Explanation& to) {
    to.summary = "was cancelled";
    if (!facts.cancel) {
        to.findings.push_back({"cancelled", "who did it the audit log tells, for 30 days, to those who may see it"});
        return;
    }
    std::string text =
        "by " + one_line(text_of(*facts.cancel, "who")) + " at " + utc(time_of(*facts.cancel, "at")) + " UTC";
    if (const std::string reason = text_of(*facts.cancel, "reason"); !reason.empty()) text += ": " + one_line(reason);
    to.findings.push_back({"cancelled", text});
}

// Jobs a second that came, from the change of the backlog and what was done meanwhile.
std::optional<double> arrival_rate(const Json& samples, const QueueAnswer& queue) {
    if (samples.size() < 2 || !queue.completed_rate) return std::nullopt;
    const Json &first = samples.front(), &last = samples.back();
    const auto from = time_of(first, "at"), to = time_of(last, "at");
    const auto before = number_of(first, "lag"), after = number_of(last, "lag");
    if (!from || !to || !before || !after || *to <= *from) return std::nullopt;
    const double seconds = std::chrono::duration<double>(*to - *from).count();
    return std::max((*after - *before) / seconds + *queue.completed_rate + queue.failed_rate.value_or(0), 0.0);
}

void add_decisions(const Json& decisions, Time now, std::vector<Finding>& findings) {
    constexpr std::size_t most = 3;
    const std::size_t first = decisions.size() > most ? decisions.size() - most : 0;
    for (std::size_t i = decisions.size(); i > first; --i) {
        const Json& each = decisions[i - 1];
        std::string text = "from " + std::to_string(integer_of(each, "from").value_or(0)) + " to " +
                           std::to_string(integer_of(each, "to").value_or(0)) + " workers";
        if (const auto at = time_of(each, "at")) text += " " + age(now - *at) + " ago";
        const std::string reason = why(text_of(each, "reason"), text_of(each, "message"));
        if (!reason.empty()) text += ": " + reason;
        findings.push_back({"decision", text});
    }
}

void add_errors(const std::vector<ErrorGroupAnswer>& errors, std::vector<Finding>& findings) {
    constexpr std::size_t most = 3;
    for (std::size_t i = 0; i < std::min(errors.size(), most); ++i) {
        const ErrorGroupAnswer& each = errors[i];
        findings.push_back({"errors",
                            plural(each.count, "job", "jobs") + " failed with " + one_line(each.error_class) +
                                (each.message.empty() ? "" : ": " + cut_end(one_line(each.message), 100)),
                            Weight::warning});
    }
}

Style style_of(Weight weight) {
    return weight == Weight::problem ? Style::red : weight == Weight::warning ? Style::yellow : Style::plain;
}

std::string word_of(Weight weight) {
    return weight == Weight::problem ? "problem" : weight == Weight::warning ? "warning" : "info";
}

}  // namespace

Explanation explain_job(const JobFacts& facts, Time now) {
    const JobAnswer job = job_answer(facts.job);
    std::optional<QueueAnswer> queue;
    if (facts.queue) queue = queue_answer(*facts.queue);
    Explanation explanation{.subject = "job " + one_line(job.id)};
    if (job.state == "waiting") {
        explain_waiting(job, facts, queue, now, explanation);
    } else if (job.state == "delayed") {
        explanation.summary = job.due_at ? "waits for its time, " + in_or_ago(*job.due_at, now) : "waits for its time";
        if (job.due_at) explanation.findings.push_back({"due", "it is delayed until " + utc(job.due_at) + " UTC"});
        if (queue) add_pauses(*queue, explanation.findings);
    } else if (job.state == "retrying") {
        explain_retrying(job, queue, now, explanation);
    } else if (job.state == "active") {
        explain_active(job, now, explanation);
    } else if (job.state == "failed") {
        explain_failed(job, explanation);
    } else if (job.state == "cancelled") {
        explain_cancelled(facts, explanation);
    } else {
        explanation.summary = "is " + one_line(job.state);
        if (job.finished_at) explanation.summary += " since " + utc(job.finished_at) + " UTC";
    }
    if (queue && !queue->trouble.empty())
        explanation.findings.insert(explanation.findings.begin(),
                                    {"trouble", one_line(queue->trouble), Weight::problem});
    return explanation;
}

Explanation explain_queue(const QueueFacts& facts, Time now) {
    const QueueAnswer queue = queue_answer(facts.queue);
    Explanation explanation{.subject = "queue " + one_line(queue.name)};
    std::vector<Finding>& findings = explanation.findings;
    if (!queue.trouble.empty()) findings.push_back({"trouble", one_line(queue.trouble), Weight::problem});
    add_pauses(queue, findings);

    std::string load = plural(queue.lag.value_or(queue.count("waiting")), "job", "jobs") +
                       " to do: " + with_thousands(queue.count("waiting")) + " waiting, " +
                       with_thousands(queue.count("active")) + " active, " + with_thousands(queue.count("retrying")) +
                       " retrying, " + with_thousands(queue.count("delayed")) + " delayed";
    if (queue.oldest_waiting) load += "; the oldest waits for " + age(now - *queue.oldest_waiting);
    findings.push_back({"load", load});
    if (queue.completed_rate) {
        std::string rates = per_second(*queue.completed_rate) + "/s completed";
        if (const auto failed = queue.failed_rate; failed && *failed > 0)
            rates += ", " + per_second(*failed) + "/s failed";
        if (facts.lag) {
            if (const auto arrival = arrival_rate(list_of(*facts.lag, "samples"), queue))
                rates += ", about " + per_second(*arrival) + "/s come";
        }
        findings.push_back({"rates", rates});
    }
    const bool work = queue.count("waiting") > 0 || queue.lag.value_or(0) > 0;
    add_workers(queue, work, facts.workers, now, findings);
    if (facts.lag) add_decisions(list_of(*facts.lag, "decisions"), now, findings);
    add_errors(facts.errors, findings);

    if (!queue.trouble.empty())
        explanation.summary = "is in trouble";
    else if (queue.paused)
        explanation.summary = "is paused: no job is handed over, and scaling holds";
    else if (std::ranges::any_of(findings, [](const Finding& each) {
                 return each.about == "workers" && each.weight == Weight::problem;
             }))
        explanation.summary = "has work, and no worker that is ready";
    else if (queue.lag.value_or(queue.count("waiting")) == 0)
        explanation.summary = "has nothing to do";
    else
        explanation.summary = "is at work";
    return explanation;
}

std::vector<Line> lines_of(const Explanation& explanation) {
    std::vector<Line> lines{{{explanation.subject, Style::bold}, {" " + explanation.summary, Style::plain}}};
    for (const Finding& each : explanation.findings) lines.push_back({{"  " + each.text, style_of(each.weight)}});
    return lines;
}

Json json_of(const Explanation& explanation) {
    Json findings = Json::array();
    for (const Finding& each : explanation.findings)
        findings.push_back({{"about", each.about}, {"weight", word_of(each.weight)}, {"text", each.text}});
    return {{"subject", explanation.subject}, {"summary", explanation.summary}, {"findings", findings}};
}

}  // namespace drover::cli
