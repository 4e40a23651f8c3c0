#include "operator/core/topic_plan.h"

#include <algorithm>

namespace drover::operator_core {
namespace {

constexpr std::int64_t kafkas_default_limit = 1'048'588;  // max.message.bytes of a topic that says nothing
constexpr std::int64_t room_for_headers = 64 * 1024;
constexpr int events_partitions = 12;

constexpr std::chrono::milliseconds events_kept = std::chrono::hours(168);

// A sidecar reads all of it before its first job, so what is superseded has to go soon: Kafka only compacts segments
// that are closed.
TopicPlan control_topic(const std::string& name, TopicPlan base) {
    base.topic = name;
    base.partitions = 1;
    base.config["cleanup.policy"] = "compact";
    base.config["message.timestamp.type"] = "LogAppendTime";  // who writes learns the broker's time
    base.config["segment.ms"] = "600000";
    base.config["segment.bytes"] = "4194304";
    base.config["min.cleanable.dirty.ratio"] = "0.1";
    return base;
}

}  // namespace

std::vector<TopicPlan> topic_plan(const jobqueue::JobQueue& queue, int brokers) {
    const jobqueue::Topics topics = jobqueue::topics_of(queue);
    const std::int64_t limit = std::max(kafkas_default_limit, queue.delivery.max_payload + room_for_headers);
    TopicPlan base{.partitions = queue.kafka.partitions,
                   .replication_factor = std::clamp(queue.kafka.replication_factor, 1, std::max(brokers, 1))};
    // With two copies it would refuse jobs as soon as one broker is away.
    if (base.replication_factor >= 3) base.config["min.insync.replicas"] = "2";
    const auto spec = [&](const std::string& topic, std::int64_t bytes, std::int64_t retention_ms) {
        TopicPlan one = base;
        one.topic = topic;
        one.config["max.message.bytes"] = std::to_string(bytes);
        one.config["retention.ms"] = std::to_string(retention_ms);
        return one;
    };
    std::vector<TopicPlan> plan{spec(topics.main, limit, -1)};
    for (const jobqueue::LaneTopic& lane : topics.lanes) {
        if (lane.topic != topics.main) plan.push_back(spec(lane.topic, limit, -1));
    }
    for (const jobqueue::RetryTopic& retry : topics.retries) {
        plan.push_back(spec(retry.topic, limit + room_for_headers, -1));
        plan.back().config["message.timestamp.type"] = "LogAppendTime";  // what is due is found by it
    }
    const auto kept = std::chrono::ceil<std::chrono::milliseconds>(queue.dead_letter_retention).count();
    plan.push_back(spec(topics.dead_letters, limit + room_for_headers, kept));
    plan.push_back(control_topic(topics.control, base));
    if (queue.events) {
        plan.push_back(spec(std::string(jobqueue::events_topic), limit + room_for_headers, events_kept.count()));
        plan.back().partitions = events_partitions;
    }
    return plan;
}

std::vector<TopicPlan> topic_plan(const std::vector<jobqueue::JobQueue>& queues, int brokers) {
    std::vector<TopicPlan> plan;
    for (const jobqueue::JobQueue& queue : queues) {
        for (TopicPlan& one : topic_plan(queue, brokers)) {
            if (std::ranges::find(plan, one.topic, &TopicPlan::topic) == plan.end()) plan.push_back(std::move(one));
        }
    }
    return plan;
}

}  // namespace drover::operator_core
