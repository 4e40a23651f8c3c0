#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/jobqueue/resource.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Topics, are_named_after_the_queue_where_it_names_none) {
    JobQueue queue;
    queue.name = "email";
    queue.ns = "shop";
    const Topics topics = topics_of(queue);
    EXPECT_EQ(topics.main, "shop.email");
    EXPECT_EQ(topics.dead_letters, "shop.email.dlq");
    EXPECT_EQ(topics.control, "shop.email.control");
    EXPECT_THAT(topics.lanes, ElementsAre(LaneTopic{"normal", "shop.email"}));
    EXPECT_THAT(topics.retries,
                ElementsAre(RetryTopic{"shop.email.retry.2s", 2s}, RetryTopic{"shop.email.retry.4s", 4s}));
    EXPECT_EQ(group_of(queue), "drover.shop.email");
    EXPECT_EQ(retry_group_of(queue), "drover.shop.email.retry");
}

TEST(Topics, have_the_name_that_the_queue_gives) {
    JobQueue queue;
    queue.name = "email";
    queue.kafka.topic = "mails";
    EXPECT_EQ(topics_of(queue).main, "mails");
    EXPECT_EQ(topics_of(queue).dead_letters, "mails.dlq");
    EXPECT_EQ(group_of(queue), "drover.default.email");
}

TEST(Topics, A12_lanes_that_the_queue_names_have_topics_and_groups_of_their_own_highest_first) {
    JobQueue queue;
    queue.name = "email";
    queue.kafka.topic = "mails";
    queue.priorities = {"background", "critical"};  // normal is there even when nobody named it
    EXPECT_THAT(topics_of(queue).lanes,
                ElementsAre(LaneTopic{"critical", "mails.critical"}, LaneTopic{"normal", "mails"},
                            LaneTopic{"background", "mails.background"}));
    EXPECT_EQ(lane_group_of(queue, "critical"), "drover.default.email.critical");
    EXPECT_EQ(lane_group_of(queue, "normal"), group_of(queue));
}

TEST(Topics, A12_a_job_is_produced_to_its_lane_or_the_next_less_urgent_one) {
    JobQueue queue;
    queue.name = "email";
    queue.kafka.topic = "mails";
    queue.priorities = {"high", "low"};
    const Topics topics = topics_of(queue);
    for (const auto& [priority, topic] : {std::pair{"critical", "mails.high"},
                                          {"1", "mails.high"},
                                          {"high", "mails.high"},
                                          {"normal", "mails"},
                                          {"", "mails"},
                                          {"5", "mails"},
                                          {"what?", "mails"},
                                          {"low", "mails.low"},
                                          {"7", "mails.low"},
                                          {"background", "mails.low"},
                                          {"10", "mails.low"}}) {
        EXPECT_EQ(topic_for(topics, priority), topic) << priority;
    }
    EXPECT_EQ(topic_for(topics_of(JobQueue{.name = "x"}), "critical"), "default.x");
}

TEST(Topics, A3_an_ordered_queue_has_no_retry_topics_since_a_failing_job_keeps_its_place) {
    JobQueue queue;
    for (const auto ordering : {Ordering::key, Ordering::partition}) {
        queue.delivery.ordering = ordering;
        EXPECT_THAT(topics_of(queue).retries, IsEmpty());
    }
}

}  // namespace
}  // namespace drover::jobqueue
