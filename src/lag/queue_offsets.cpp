#include "src/lag/queue_offsets.h"

#include <algorithm>

#include "src/jobqueue/backlog.h"
#include "src/jobqueue/commit_metadata.h"

namespace drover::lag {
namespace {

using jobqueue::PartitionFigures;

struct Partition {
    PartitionFigures figures;
    std::int64_t busy_micros = 0, completions = 0;
};

Partition partition_of(const QueueOffsets& look, const kafka::TopicPartition& key,
                       const kafka::PartitionOffsets& offsets) {
    Partition partition{.figures = {.start = offsets.start, .end = offsets.end}};
    const auto position = look.positions.find(key);
    if (position == look.positions.end()) return partition;
    const std::int64_t committed = position->second.offset;
    partition.figures.committed = committed;
    if (const auto metadata = jobqueue::decode_commit_metadata(position->second.metadata, committed)) {
        partition.figures.finished_above = metadata->finished_count();
        partition.busy_micros = static_cast<std::int64_t>(metadata->busy_micros);
        partition.completions = static_cast<std::int64_t>(metadata->completions);
    }
    return partition;
}

// Of a partition, only what lies below `limit`.
std::int64_t backlog_below(PartitionFigures figures, const std::map<kafka::TopicPartition, std::int64_t>& limits,
                           const kafka::TopicPartition& key) {
    const auto limit = limits.find(key);
    if (limit != limits.end()) figures.end = std::min(figures.end, limit->second);
    return jobqueue::backlog_of(figures);
}

}  // namespace

jobqueue::QueueFigures figures_of(const jobqueue::Topics& topics, const QueueOffsets& look) {
    jobqueue::QueueFigures sum;
    for (const auto& [key, offsets] : look.offsets) {
        const bool is_main = key.topic == topics.main;
        const bool is_lane =
            is_main || std::ranges::find(topics.lanes, key.topic, &jobqueue::LaneTopic::topic) != topics.lanes.end();
        const bool is_retry =
            std::ranges::find(topics.retries, key.topic, &jobqueue::RetryTopic::topic) != topics.retries.end();
        if (key.topic == topics.dead_letters) {
            sum.dead_letters = sum.dead_letters.value_or(0) + std::max<std::int64_t>(offsets.end - offsets.start, 0);
        }
        if (!is_lane && !is_retry) continue;
        const Partition partition = partition_of(look, key, offsets);
        const std::int64_t unfinished = jobqueue::backlog_of(partition.figures);
        sum.unfinished += unfinished;
        sum.busy.busy_us += partition.busy_micros;
        sum.busy.completions += partition.completions;
        if (is_lane) {
            sum.partitions += is_main ? 1 : 0;  // each pod takes part in every lane
            sum.backlog += unfinished;
            sum.end_offsets += std::max<std::int64_t>(offsets.end, 0);
            continue;
        }
        const std::int64_t due = backlog_below(partition.figures, look.due, key);
        sum.retrying += unfinished;
        sum.retrying_by_topic[key.topic] += unfinished;
        sum.backlog += due;
        sum.retries_due_soon += std::max<std::int64_t>(backlog_below(partition.figures, look.due_soon, key) - due, 0);
    }
    return sum;
}

std::vector<std::string> groups_of(const jobqueue::JobQueue& queue, const jobqueue::Topics& topics) {
    std::vector<std::string> groups;
    for (const jobqueue::LaneTopic& lane : topics.lanes) groups.push_back(jobqueue::lane_group_of(queue, lane.lane));
    if (!topics.retries.empty()) groups.push_back(jobqueue::retry_group_of(queue));
    return groups;
}

}  // namespace drover::lag
