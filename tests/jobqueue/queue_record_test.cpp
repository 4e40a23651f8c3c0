#include "src/jobqueue/queue_record.h"

#include <gtest/gtest.h>

namespace drover::jobqueue {
namespace {

JobQueue queue_of(std::string_view spec) {
    ParsedQueues parsed = parse_queues(
        "apiVersion: drover.dev/v1alpha1\nkind: JobQueue\nmetadata: {name: email, namespace: shop, labels: {a: b}}\n"
        "spec: " +
            std::string(spec),
        "email.yaml");
    EXPECT_TRUE(parsed.problems.empty());
    return parsed.queues.at(0);
}

const JobQueue email = queue_of(
    "{kafka: {bootstrapServers: 'kafka:9092', authSecret: s, settings: {sasl.password: secret}}, targetRef: {name: "
    "mailer}, "
    "priorities: [high, normal], schemas: {send-email: {type: object}}, retry: {maxAttempts: 7}, events: true}");

TEST(QueueRecord, tells_a_gateway_all_that_it_needs_C1) {
    const ControlMessage record = queue_record(email);
    EXPECT_EQ(record.key, "queue/shop.email");
    const Result<JobQueue> queue = parse_queue_record(record.value.value());
    ASSERT_TRUE(queue) << queue.error().message;
    EXPECT_EQ(qualified_name(*queue), "shop.email");
    EXPECT_EQ(topics_of(*queue).lanes.size(), 2u);
    EXPECT_EQ(queue->schemas_json, email.schemas_json);
    EXPECT_EQ(queue->retry, email.retry);
    EXPECT_TRUE(queue->events);
    EXPECT_EQ(queue_record(*queue), record);
}

TEST(QueueRecord, keeps_to_itself_how_kafka_is_reached_C14) {
    const std::string value = queue_record(email).value.value();
    for (const char* secret : {"secret", "kafka:9092", "sasl", "mailer"}) EXPECT_EQ(value.find(secret), value.npos);
}

TEST(QueueRecord, refuses_what_is_not_one_queue) {
    for (const char* text : {"", "{}", "[]", "\xff", "a: [b"}) EXPECT_FALSE(parse_queue_record(text)) << text;
    const std::string twice = *queue_record(email).value + "\n---\n" + *queue_record(email).value;
    EXPECT_FALSE(parse_queue_record(twice));
}

}  // namespace
}  // namespace drover::jobqueue
