#include "gateway/queue_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"
#include "gateway/queue_counts.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

ordered_json pauses_json(const std::vector<jobqueue::control::Pause>& pauses) {
    ordered_json json = ordered_json::array();
    for (const jobqueue::control::Pause& each : pauses) {
        json.push_back(
            {{"source", each.source}, {"by", each.by}, {"reason", each.reason}, {"at", format_rfc3339(each.at)}});
    }
    return json;
}

// A second, over the last minutes.
ordered_json rates_json(const QueuePulse& pulse, Duration window) {
    const double length = std::max(seconds(window), 1.0);
    const std::int64_t ended = pulse.total.completed + pulse.total.failed;
    return {{"completed", static_cast<double>(pulse.total.completed) / length},
            {"failed", static_cast<double>(pulse.total.failed) / length},
            {"retried", static_cast<double>(pulse.total.retried) / length},
            {"failureRate", ended == 0 ? 0 : static_cast<double>(pulse.total.failed) / static_cast<double>(ended)},
            {"meanRun", seconds(pulse.mean_run)},
            {"meanWait", seconds(pulse.mean_wait)}};
}

ordered_json scale_json(const WorkersBook::Entry& workers) {
    const jobqueue::WorkersRecord& now = workers.now;
    ordered_json json{{"replicas", now.replicas}, {"ready", now.ready},
                      {"desired", now.replicas},  {"min", now.min},
                      {"max", now.max},           {"reason", now.reason},
                      {"message", now.message},   {"at", format_rfc3339(workers.at)}};
    json["trouble"] = ordered_json::array();
    for (const jobqueue::WorkersTrouble& each : now.trouble) {
        json["trouble"].push_back({{"what", each.what}, {"reason", each.reason}, {"message", each.message}});
    }
    return json;
}

}  // namespace

ordered_json queue_json(const GatewayState& state, const KnownQueue& queue, const QueueCounts& viewed) {
    const auto look = state.looks.find(queue.name);
    ordered_json json{{"name", queue.name},
                      {"topic", queue.topics.main},
                      {"ordering", jobqueue::name_of(queue.queue.delivery.ordering)},
                      {"counts", counts_json(counts_of(state, queue.name, viewed))}};
    const auto pulse = state.pulses.queues.find(queue.name);
    json["rates"] = rates_json(pulse == state.pulses.queues.end() ? QueuePulse{} : pulse->second,
                               state.pulses.at - state.pulses.since);
    if (pulse != state.pulses.queues.end() && pulse->second.oldest_waiting && json["counts"]["waiting"] > 0) {
        json["oldestWaitingAt"] = format_rfc3339(*pulse->second.oldest_waiting);
    }
    if (const WorkersBook::Entry* workers = state.workers.find(queue.name)) json["scale"] = scale_json(*workers);
    if (look == state.looks.end()) {
        json["trouble"] = state.kafka_trouble.empty() ? "its topics are not there" : state.kafka_trouble;
        return json;
    }
    json["counts"]["dead"] = look->second.figures.dead_letters.value_or(0);
    json["paused"] = !look->second.pauses.empty() || queue.queue.paused;
    json["pauses"] = pauses_json(look->second.pauses);
    json["lag"] = look->second.figures.unfinished;
    json["events"] = queue.queue.events;
    return json;
}

ordered_json queues_json(const GatewayState& state, const AccessToken& who, const QueueCounts& viewed) {
    ordered_json list = ordered_json::array();
    StateCounts sum;
    for (const auto& [name, queue] : state.queues.all()) {
        if (!may(who, Role::view, name)) continue;
        list.push_back(queue_json(state, *queue, viewed));
        for (const auto& [job_state, count] : counts_of(state, name, viewed)) sum[job_state] += count;
    }
    const std::size_t count = list.size();
    return {{"queues", std::move(list)}, {"summary", {{"queues", count}, {"counts", counts_json(sum)}}}};
}

ordered_json scaling_step_json(const ScalingStep& step) {
    return {{"at", format_rfc3339(step.at)},
            {"from", step.from},
            {"to", step.to},
            {"reason", step.reason},
            {"message", step.message}};
}

}  // namespace drover::gateway
