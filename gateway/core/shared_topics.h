// The topics that a gateway needs, beside those of the queues. Pure. Room: gateway/core.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace drover::gateway {

struct SharedTopic {
    std::string topic;
    int partitions = 1;
    std::map<std::string, std::string> config;  // by Kafka's names
};

// drover.gateway, drover.delayed and drover.events. Whoever is first makes them, the operator the last one too.
std::vector<SharedTopic> shared_topics(int brokers);

}  // namespace drover::gateway
