// What brokers and groups say about a queue, added up. Pure. Room: cli.
#pragma once

#include <cstdint>
#include <map>

#include "operator/core/decide.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/admin.h"

namespace drover::cli {

// One look at a queue's topics.
struct QueueOffsets {
    std::map<kafka::TopicPartition, kafka::PartitionOffsets> offsets;  // main and retry topics
    std::map<kafka::TopicPartition, kafka::Position> positions;        // of both groups
    // Of the retry topics that have unfinished records: the first offset that is not due now, and not within idleAfter.
    std::map<kafka::TopicPartition, std::int64_t> due, due_soon;
};

struct QueueFigures {
    int partitions = 0;
    std::int64_t unfinished = 0;  // all jobs that are neither completed nor dead-lettered
    std::int64_t retrying = 0;    // of these, in retry topics
    std::int64_t backlog = 0;     // `unfinished` without the retries that are not due
    std::int64_t retries_due_soon = 0;
    std::int64_t end_offsets = 0;
    operator_core::BusyCounters busy;
    bool paused = false;  // by somebody in the control topic

    bool operator==(const QueueFigures&) const = default;
};

QueueFigures figures_of(const jobqueue::Topics& topics, const QueueOffsets& look);

// `figures` as decide() wants them; null where the look failed.
operator_core::Observation observation_of(const QueueFigures* figures, int replicas, std::int64_t in_flight,
                                          bool paused);

}  // namespace drover::cli
