// The topics that a queue needs. Pure. Room: operator/core.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/jobqueue/resource.h"

namespace drover::operator_core {

struct TopicPlan {
    std::string topic;
    int partitions = 1;
    int replication_factor = 1;
    std::map<std::string, std::string> config;  // by Kafka's names
};

// Jobs and retries are kept until they are finished, dead letters as long as the queue says, of the control topic the
// last record of each key. Copies: as many as the queue asks for and there are brokers.
std::vector<TopicPlan> topic_plan(const jobqueue::JobQueue& queue, int brokers);
// Of all of them, each topic once: some are shared.
std::vector<TopicPlan> topic_plan(const std::vector<jobqueue::JobQueue>& queues, int brokers);

}  // namespace drover::operator_core
