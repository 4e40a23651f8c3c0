#include "src/jobqueue/shared_topics.h"

#include <algorithm>
#include <utility>

#include "src/jobqueue/resource.h"

namespace drover::jobqueue {
namespace {

constexpr int many = 12;  // over how many gateways, at most, the work of a topic is spread
constexpr int copies = 3;
constexpr const char* largest_record = "1179648";  // 1 MiB of payload, and its headers

SharedTopic replicated(SharedTopic topic, int brokers) {
    topic.replication_factor = std::clamp(brokers, 1, copies);
    if (topic.replication_factor == copies) topic.config["min.insync.replicas"] = "2";
    return topic;
}

SharedTopic compacted(std::string_view name, int partitions) {
    // What is superseded has to go soon, since it is read from its beginning: Kafka compacts closed segments only.
    return {std::string(name),
            partitions,
            1,
            {{"cleanup.policy", "compact"},
             {"segment.ms", "600000"},
             {"min.cleanable.dirty.ratio", "0.1"},
             {"message.timestamp.type", "LogAppendTime"},  // who writes learns the brokers' time
             {"max.message.bytes", largest_record}}};
}

}  // namespace

SharedTopic gateway_topic_for(int brokers) { return replicated(compacted(gateway_topic, 1), brokers); }

std::vector<SharedTopic> shared_topics(int brokers) {
    SharedTopic events{
        std::string(events_topic), many, 1, {{"retention.ms", "604800000"}, {"max.message.bytes", largest_record}}};
    return {gateway_topic_for(brokers), replicated(compacted(delayed_topic, many), brokers),
            replicated(std::move(events), brokers)};
}

}  // namespace drover::jobqueue
