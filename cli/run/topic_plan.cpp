#include "cli/run/topic_plan.h"

#include <algorithm>

namespace drover::cli {
namespace {

constexpr std::int64_t kafkas_default_limit = 1'048'588;  // max.message.bytes of a topic that says nothing
constexpr std::int64_t room_for_headers = 64 * 1024;

}  // namespace

std::vector<kafka::TopicSpec> topic_plan(const jobqueue::JobQueue& queue, int brokers) {
    const jobqueue::Topics topics = jobqueue::topics_of(queue);
    const std::int64_t limit = std::max(kafkas_default_limit, queue.delivery.max_payload + room_for_headers);
    kafka::TopicSpec base{.partitions = queue.kafka.partitions,
                          .replication_factor = std::clamp(queue.kafka.replication_factor, 1, std::max(brokers, 1))};
    // With two copies it would refuse jobs as soon as one broker is away.
    if (base.replication_factor >= 3) base.config["min.insync.replicas"] = "2";
    const auto spec = [&](const std::string& topic, std::int64_t bytes, std::int64_t retention_ms) {
        kafka::TopicSpec one = base;
        one.topic = topic;
        one.config["max.message.bytes"] = std::to_string(bytes);
        one.config["retention.ms"] = std::to_string(retention_ms);
        return one;
    };
    std::vector<kafka::TopicSpec> plan{spec(topics.main, limit, -1)};
    for (const jobqueue::RetryTopic& retry : topics.retries) {
        plan.push_back(spec(retry.topic, limit + room_for_headers, -1));
        plan.back().config["message.timestamp.type"] = "LogAppendTime";  // what is due is found by it
    }
    const auto kept = std::chrono::ceil<std::chrono::milliseconds>(queue.dead_letter_retention).count();
    plan.push_back(spec(topics.dead_letters, limit + room_for_headers, kept));
    return plan;
}

}  // namespace drover::cli
