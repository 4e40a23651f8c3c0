// What brokers and groups say about a queue, added up. Pure. Room: lag.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/jobqueue/queue_figures.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/admin.h"

namespace drover::lag {

// One look at a queue's topics.
struct QueueOffsets {
    std::map<kafka::TopicPartition, kafka::PartitionOffsets> offsets;  // lanes, retry and dead-letter topics
    std::map<kafka::TopicPartition, kafka::Position> positions;        // of all its groups
    // Of the retry topics that have unfinished records: the first offset that is not due now, and not within idleAfter.
    std::map<kafka::TopicPartition, std::int64_t> due, due_soon;
};

jobqueue::QueueFigures figures_of(const jobqueue::Topics& topics, const QueueOffsets& look);

// Of the lanes, and of the retry topics where there are any.
std::vector<std::string> groups_of(const jobqueue::JobQueue& queue, const jobqueue::Topics& topics);

}  // namespace drover::lag
