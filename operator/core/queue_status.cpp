#include "operator/core/queue_status.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "operator/core/scaling_memory.h"
#include "operator/core/workload.h"
#include "src/jobqueue/units.h"

namespace drover::operator_core {
namespace {

using nlohmann::json;
using Is = Finding::Is;

Finding yes(std::string reason, std::string message) { return {Is::yes, std::move(reason), std::move(message)}; }
Finding no(std::string reason, std::string message) { return {Is::no, std::move(reason), std::move(message)}; }

std::string counted(std::int64_t number, const std::string& thing) {
    return std::to_string(number) + ' ' + thing + (number == 1 ? "" : "s");
}

std::int64_t integer_at(const json& object, const json::json_pointer& place) {
    const json found = object.is_object() ? object.value(place, json(0)) : json(0);
    return found.is_number_integer() ? found.get<std::int64_t>() : 0;
}

struct Replicas {
    std::int64_t wanted = 0, existing = 0, ready = 0;
};
Replicas replicas_of(const Facts& facts) {
    if (!facts.deployment) return {};
    return {integer_at(*facts.deployment, "/spec/replicas"_json_pointer),
            integer_at(*facts.deployment, "/status/replicas"_json_pointer),
            integer_at(*facts.deployment, "/status/readyReplicas"_json_pointer)};
}

Finding workers_of(const Facts& facts) {
    const Replicas replicas = replicas_of(facts);
    if (replicas.wanted == 0) return yes("ScaledToZero", "No worker is needed");
    const std::string ready = std::to_string(replicas.ready) + " of " + counted(replicas.wanted, "worker") + " ready";
    for (const PodReport& pod : facts.pods) {
        if (pod.waiting_reason.empty() || pod.ending) continue;
        // That a container is being created is no trouble.
        if (pod.waiting_reason == "ContainerCreating" || pod.waiting_reason == "PodInitializing") continue;
        return no(pod.waiting_reason, ready + "; pod " + pod.name + ": " + pod.waiting_reason +
                                          (pod.waiting_message.empty() ? "" : ": " + pod.waiting_message));
    }
    if (replicas.ready < replicas.wanted) {
        const json conditions = facts.deployment->value("/status/conditions"_json_pointer, json::array());
        for (const json& each : conditions) {
            const std::string type = each.value("type", "");
            if (type == "ReplicaFailure" && each.value("status", "") == "True") {
                return no(each.value("reason", "ReplicaFailure"), ready + "; " + each.value("message", ""));
            }
        }
        if (replicas.ready == 0) return no("WorkersStarting", ready);
    }
    return yes("WorkersReady", ready);
}

Finding ready_of(const Facts& facts) {
    for (const Finding* each :
         {&facts.spec_valid, &facts.kafka_reachable, &facts.topics_ready, &facts.workload_applied}) {
        if (each->is != Is::yes) return *each;
    }
    return workers_of(facts);
}

Finding active_of(const Facts& facts) {
    if (!facts.figures) return {Is::unknown, "FiguresUnknown", "The backlog could not be read"};
    if (facts.figures->backlog > 0) {
        return yes("JobsWaiting", counted(facts.figures->backlog, "job") + " unfinished");
    }
    if (facts.figures->unfinished > 0) {
        return yes("RetriesWaiting", counted(facts.figures->unfinished, "retry record") + " not due yet");
    }
    return no("Idle", "Nothing to do");
}

Finding paused_of(const Facts& facts) {
    if (facts.paused_by_spec) return yes("PausedBySpec", "spec.paused is true");
    if (!facts.figures) return {Is::unknown, "FiguresUnknown", "The control topic could not be read"};
    if (facts.figures->paused) return yes("PausedByCommand", "Somebody paused the queue; see: drover resume --help");
    return no("NotPaused", "Jobs are handed over");
}

template <class Speaks, class Says>
Finding from_pods(const Facts& facts, const char* reason, const char* fine, Speaks speaks, Says says) {
    std::size_t count = 0;
    std::string first;
    for (const PodReport& pod : facts.pods) {
        if (!pod.asked || pod.ending || !speaks(pod)) continue;
        if (count++ == 0) first = "pod " + pod.name + ": " + says(pod);
    }
    if (count == 0) return no(fine, "No sidecar says so");
    return yes(reason,
               first + (count > 1 ? ", and " + counted(static_cast<std::int64_t>(count) - 1, "other pod") : ""));
}

std::string_view text_of(Is is) { return is == Is::yes ? "True" : is == Is::no ? "False" : "Unknown"; }

json condition(const char* type, const Finding& finding, std::int64_t generation, const json& before, Time now) {
    json transition = format_rfc3339(now);
    const json conditions = before.value("conditions", json::array());
    for (const json& each : conditions) {
        if (each.value("type", "") == type && each.value("status", "") == text_of(finding.is)) {
            transition = each.value("lastTransitionTime", transition);
        }
    }
    constexpr std::size_t longest_message = 1024;
    return {{"type", type},
            {"status", text_of(finding.is)},
            {"observedGeneration", generation},
            {"lastTransitionTime", transition},
            {"reason", finding.reason.empty() ? "Unknown" : finding.reason},
            {"message", finding.message.substr(0, longest_message)}};
}

json decision_of(const Decision& decision, const json& before, Time now) {
    const json last = before.value("lastDecision", json::object());
    const bool same = last.value("replicas", -1) == decision.replicas && last.value("reason", "") == decision.reason;
    return {{"replicas", decision.replicas},
            {"reason", decision.reason},
            {"message", decision.message},
            {"at", same ? last.value("at", format_rfc3339(now)) : format_rfc3339(now)}};
}

json retry_steps_of(const jobqueue::JobQueue& queue, const Facts& facts) {
    json steps = json::array();
    for (const jobqueue::RetryTopic& retired : facts.retired) steps.push_back(jobqueue::format_duration(retired.step));
    for (const jobqueue::RetryTopic& retry : jobqueue::topics_of(queue).retries) {
        steps.push_back(jobqueue::format_duration(retry.step));
    }
    return steps;
}

}  // namespace

std::vector<jobqueue::RetryTopic> retired_retry_topics(const jobqueue::JobQueue& queue, const json& status,
                                                       const jobqueue::QueueFigures* last) {
    const jobqueue::Topics topics = jobqueue::topics_of(queue);
    std::vector<jobqueue::RetryTopic> retired;
    const json steps = status.is_object() ? status.value("retrySteps", json::array()) : json::array();
    for (const json& each : steps) {
        const auto step = each.is_string() ? jobqueue::parse_duration(each.get<std::string>()) : std::nullopt;
        if (!step || std::ranges::find(topics.retries, *step, &jobqueue::RetryTopic::step) != topics.retries.end())
            continue;
        jobqueue::RetryTopic topic{jobqueue::retry_topic_name(topics.main, *step), *step};
        if (last != nullptr) {
            const auto retrying = last->retrying_by_topic.find(topic.topic);
            if (retrying != last->retrying_by_topic.end() && retrying->second == 0) continue;
        }
        retired.push_back(std::move(topic));
    }
    std::ranges::sort(retired, {}, &jobqueue::RetryTopic::step);
    return retired;
}

json status_of(const jobqueue::JobQueue& queue, const Facts& facts, const json& before, Time now) {
    json status = before.is_object() ? before : json::object();
    const json old = status;
    status["observedGeneration"] = facts.generation;

    const Finding unreachable = from_pods(
        facts, "PortDoesNotAnswer", "WorkersAnswer", [](const PodReport& pod) { return !pod.worker_reachable; },
        [&](const PodReport&) {
            return "nothing answers on port " + std::to_string(queue.delivery.port) +
                   ", where spec.delivery.port says that the app listens";
        });
    const Finding blocked = from_pods(
        facts, "JobFailsAgainAndAgain", "NoKeyBlocked", [](const PodReport& pod) { return !pod.blocked_job.empty(); },
        [](const PodReport& pod) { return pod.blocked_job; });
    const Finding hook = facts.drain_hook_conflict
                             ? yes("AppHasPreStopHook",
                                   "The app's own preStop hook is kept, so nothing drains the sidecar before the app "
                                   "is told to end: jobs in flight may be cut off and run again")
                             : no("NoConflict", "The app's preStop hook drains the sidecar");
    const std::array<std::pair<const char*, Finding>, 8> all{{{"Ready", ready_of(facts)},
                                                              {"Active", active_of(facts)},
                                                              {"Paused", paused_of(facts)},
                                                              {"KafkaReachable", facts.kafka_reachable},
                                                              {"TopicsReady", facts.topics_ready},
                                                              {"WorkerUnreachable", unreachable},
                                                              {"KeyBlocked", blocked},
                                                              {"DrainHookConflict", hook}}};
    json conditions = json::array();
    for (const auto& [type, finding] : all) conditions.push_back(condition(type, finding, facts.generation, old, now));
    status["conditions"] = std::move(conditions);

    if (facts.spec_valid.is == Is::yes) status["retrySteps"] = retry_steps_of(queue, facts);

    const Replicas replicas = replicas_of(facts);
    status["replicas"] = replicas.existing;
    status["readyReplicas"] = replicas.ready;
    status["selector"] = std::string(queue_label) + "=" + queue.name;
    if (facts.figures) {
        status["backlog"] = facts.figures->backlog;
        status["retrying"] = std::max<std::int64_t>(facts.figures->unfinished - facts.figures->backlog, 0);
        if (facts.figures->dead_letters) status["deadLetters"] = *facts.figures->dead_letters;
        if (facts.oldest_since && facts.figures->unfinished > 0) {
            status["oldestSince"] = format_rfc3339(*facts.oldest_since);
        } else {
            status.erase("oldestSince");
        }
    }
    if (facts.decision) {
        status["lastDecision"] = decision_of(*facts.decision, old, now);
        status["scalingMemory"] = to_json(facts.decision->next);
    }
    return status;
}

std::optional<jobqueue::WorkersRecord> workers_record_of(const jobqueue::JobQueue& queue, const Facts& facts,
                                                         const json& status) {
    if (!facts.decision) return std::nullopt;
    jobqueue::WorkersRecord record{.replicas = facts.decision->replicas,
                                   .ready = static_cast<int>(replicas_of(facts).ready),
                                   .min = queue.scaling.min_replicas,
                                   .max = queue.scaling.max_replicas,
                                   .reason = facts.decision->reason,
                                   .message = facts.decision->message,
                                   .trouble = {}};
    const json conditions = status.value("conditions", json::array());
    for (const json& each : conditions) {
        const std::string type = each.value("type", ""), is = each.value("status", ""),
                          reason = each.value("reason", "");
        const bool is_bad = (type == "Ready" && is == "False" && reason != "WorkersStarting") ||
                            (type == "WorkerUnreachable" && is == "True") || (type == "KeyBlocked" && is == "True");
        if (is_bad) record.trouble.push_back({type, reason, each.value("message", "")});
    }
    return record;
}

bool is_urgent(const json& before, const json& after) {
    // Without what only counts: figures, words and the memory behind them.
    const auto essence = [](json status) {
        for (const char* figure : {"backlog", "retrying", "deadLetters", "oldestSince", "scalingMemory"}) {
            status.erase(figure);
        }
        if (status.contains("lastDecision")) status["lastDecision"].erase("message");
        if (status.contains("conditions")) {
            for (json& each : status["conditions"]) each.erase("message");
        }
        return status;
    };
    return essence(before) != essence(after);
}

}  // namespace drover::operator_core
