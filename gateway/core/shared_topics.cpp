#include "gateway/core/shared_topics.h"

#include "src/jobqueue/resource.h"

namespace drover::gateway {
namespace {

constexpr int many = 12;                           // over how many gateways, at most, the work of a topic is spread
constexpr const char* largest_record = "1179648";  // 1 MiB of payload, and its headers

SharedTopic compacted(std::string_view name, int partitions) {
    // What is superseded has to go soon, since it is read from its beginning: Kafka compacts closed segments only.
    return {std::string(name),
            partitions,
            {{"cleanup.policy", "compact"},
             {"segment.ms", "600000"},
             {"min.cleanable.dirty.ratio", "0.1"},
             {"message.timestamp.type", "LogAppendTime"},  // who writes learns the brokers' time
             {"max.message.bytes", largest_record}}};
}

}  // namespace

std::vector<SharedTopic> shared_topics(int brokers) {
    std::vector<SharedTopic> topics{compacted(jobqueue::gateway_topic, 1),
                                    compacted(jobqueue::delayed_topic, many),
                                    {std::string(jobqueue::events_topic),
                                     many,
                                     {{"retention.ms", "604800000"}, {"max.message.bytes", largest_record}}}};
    if (brokers >= 3) {
        for (SharedTopic& each : topics) each.config["min.insync.replicas"] = "2";
    }
    return topics;
}

}  // namespace drover::gateway
