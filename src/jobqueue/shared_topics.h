// The topics that a gateway needs, beside those of the queues. Pure. Room: jobqueue.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace drover::jobqueue {

struct SharedTopic {
    std::string topic;
    int partitions = 1;
    int replication_factor = 1;
    std::map<std::string, std::string> config;  // by Kafka's names
};

// drover.gateway, drover.delayed and drover.events, with as many copies as there are brokers, at most three. Gateways,
// operator and local runner make them, whoever comes first.
std::vector<SharedTopic> shared_topics(int brokers);
// That one alone.
SharedTopic gateway_topic_for(int brokers);

}  // namespace drover::jobqueue
