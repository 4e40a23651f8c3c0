#include "operator/core/topic_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::operator_core {
namespace {

using testing::ElementsAre;
using testing::Field;

jobqueue::JobQueue queue_with_two_retries() {
    jobqueue::JobQueue queue;
    queue.name = "email";
    queue.kafka.partitions = 6;
    queue.retry = {.max_attempts = 3, .initial = std::chrono::seconds(2), .jitter = 0};
    return queue;
}

std::vector<std::string> names(const std::vector<TopicPlan>& plan) {
    std::vector<std::string> all;
    for (const auto& spec : plan) all.push_back(spec.topic);
    return all;
}

TEST(TopicPlan, has_jobs_retries_and_dead_letters_in_as_many_partitions_and_one_for_control) {
    auto plan = topic_plan(queue_with_two_retries(), 1);
    EXPECT_THAT(names(plan), ElementsAre("default.email", "default.email.retry.2s", "default.email.retry.4s",
                                         "default.email.dlq", "default.email.control"));
    EXPECT_EQ(plan.back().partitions, 1);
    plan.pop_back();
    EXPECT_THAT(plan, testing::Each(Field(&TopicPlan::partitions, 6)));
}

TEST(TopicPlan, A12_has_a_topic_for_each_lane_like_the_main_one) {
    jobqueue::JobQueue queue = queue_with_two_retries();
    queue.priorities = {"critical", "normal", "low"};
    const auto plan = topic_plan(queue, 3);
    EXPECT_THAT(names(plan), testing::IsSupersetOf({"default.email.critical", "default.email.low"}));
    EXPECT_EQ(plan.size(), topic_plan(queue_with_two_retries(), 3).size() + 2);
    for (const auto& spec : plan) {
        if (spec.topic != "default.email.critical" && spec.topic != "default.email.low") continue;
        EXPECT_EQ(spec.partitions, plan[0].partitions);
        EXPECT_EQ(spec.replication_factor, plan[0].replication_factor);
        EXPECT_EQ(spec.config, plan[0].config);
    }
}

TEST(TopicPlan, A14_of_the_control_topic_the_last_word_of_each_key_stays_for_ever) {
    const auto control = topic_plan(queue_with_two_retries(), 3).back();
    EXPECT_EQ(control.config.at("cleanup.policy"), "compact");
    EXPECT_EQ(control.config.at("message.timestamp.type"), "LogAppendTime");
    EXPECT_EQ(control.config.at("min.insync.replicas"), "2");
    EXPECT_EQ(control.config.count("retention.ms"), 0u);
}

TEST(TopicPlan, queues_with_events_share_their_topic) {
    std::vector<jobqueue::JobQueue> queues(3, queue_with_two_retries());
    queues[1].name = "sms";
    queues[2].name = "push";
    EXPECT_THAT(names(topic_plan(queues, 1)), testing::Not(testing::Contains("drover.events")));
    queues[0].events = queues[2].events = true;
    const auto plan = topic_plan(queues, 1);
    EXPECT_THAT(names(plan), testing::Contains("drover.events").Times(1));
    const auto events = *std::ranges::find(plan, "drover.events", &TopicPlan::topic);
    EXPECT_EQ(events.config.at("retention.ms"), "604800000");
    EXPECT_EQ(events.config.count("cleanup.policy"), 0u);
}

TEST(TopicPlan, keeps_jobs_until_they_are_done_and_dead_letters_as_long_as_asked_for) {
    jobqueue::JobQueue queue = queue_with_two_retries();
    queue.dead_letter_retention = std::chrono::hours(1);
    const auto plan = topic_plan(queue, 1);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(plan[i].config.at("retention.ms"), "-1");
    EXPECT_EQ(plan[3].config.at("retention.ms"), "3600000");
}

TEST(TopicPlan, retry_records_have_the_brokers_time) {
    const auto plan = topic_plan(queue_with_two_retries(), 1);
    EXPECT_EQ(plan[0].config.count("message.timestamp.type"), 0u);
    EXPECT_EQ(plan[1].config.at("message.timestamp.type"), "LogAppendTime");
    EXPECT_EQ(plan[3].config.count("message.timestamp.type"), 0u);
}

TEST(TopicPlan, what_carries_a_job_on_has_room_for_its_history) {
    jobqueue::JobQueue queue = queue_with_two_retries();
    for (const std::int64_t payload : {1024L, 8L * 1024 * 1024}) {
        queue.delivery.max_payload = payload;
        const auto plan = topic_plan(queue, 1);
        const auto limit = [&](std::size_t i) { return std::stoll(plan[i].config.at("max.message.bytes")); };
        EXPECT_GE(limit(0), payload + 64 * 1024);
        for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(limit(i), limit(0) + 64 * 1024);
    }
}

TEST(TopicPlan, has_no_more_copies_than_there_are_brokers) {
    jobqueue::JobQueue queue = queue_with_two_retries();
    queue.kafka.replication_factor = 3;
    EXPECT_EQ(topic_plan(queue, 0)[0].replication_factor, 1);
    EXPECT_EQ(topic_plan(queue, 1)[0].replication_factor, 1);
    EXPECT_EQ(topic_plan(queue, 1)[0].config.count("min.insync.replicas"), 0u);
    EXPECT_EQ(topic_plan(queue, 5)[0].replication_factor, 3);
    EXPECT_EQ(topic_plan(queue, 5)[0].config.at("min.insync.replicas"), "2");
}

}  // namespace
}  // namespace drover::operator_core
