#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

// Drives one producer until nothing is in flight.
std::map<std::uint64_t, Result<Acknowledged>> settle(Producer& producer, Wakeup& wakeup) {
    std::map<std::uint64_t, Result<Acknowledged>> outcomes;
    EXPECT_TRUE(wait_until(wakeup, [&] {
        for (auto& delivery : producer.poll()) {
            EXPECT_TRUE(outcomes.emplace(delivery.token, std::move(delivery.outcome)).second) << "answered twice";
        }
        return producer.in_flight() == 0;
    }));
    return outcomes;
}

TEST(Producer, each_token_is_answered_once_with_the_place_of_its_record) {
    const auto topic = make_topic(1);
    const auto places = produce(topic, numbered(2000));
    ASSERT_EQ(places.size(), 2000U);
    for (std::size_t i = 0; i < places.size(); ++i) {
        EXPECT_EQ(places[i].partition, 0);
        EXPECT_EQ(places[i].offset, static_cast<std::int64_t>(i));
    }
    EXPECT_EQ(admin().offsets({{topic, 0}})->at({topic, 0}).end, 2000);
}

// The same partitions as Java's clients choose, so that a key stays where it is whoever produces.
TEST(Producer, partitions_by_murmur2_as_java_does) {
    const auto topic = make_topic(12);
    const auto places = produce(topic, {{"21", "", {}}, {"foobar", "", {}}});
    EXPECT_EQ(places[0].partition, 0);
    EXPECT_EQ(places[1].partition, 6);
}

TEST(Producer, A6_a_record_larger_than_the_topic_allows_is_too_large_and_the_next_one_goes) {
    const auto topic = make_topic(1, {{"max.message.bytes", "2000"}});
    Wakeup wakeup;
    const auto producer = must(Producer::create(settings(), wakeup));
    const std::string large(10'000, 'x');
    must(producer->produce({topic, std::nullopt, large, {}}, 1));
    auto outcomes = settle(*producer, wakeup);
    ASSERT_FALSE(outcomes.at(1));
    EXPECT_EQ(outcomes.at(1).error().code, Error::Code::too_large) << outcomes.at(1).error().message;
    EXPECT_FALSE(outcomes.at(1).error().retryable);
    must(producer->produce({topic, std::nullopt, "small", {}}, 2));
    outcomes = settle(*producer, wakeup);
    ASSERT_TRUE(outcomes.at(2)) << outcomes.at(2).error().message;
    EXPECT_EQ(outcomes.at(2)->offset, 0);
}

TEST(Producer, a_large_record_passes_where_the_topic_allows_it) {
    const auto topic = make_topic(1, {{"max.message.bytes", "8388608"}});
    EXPECT_EQ(produce(topic, {{std::nullopt, std::string(5 << 20, 'x'), {}}})[0].offset, 0);
}

TEST(Producer, a_topic_that_does_not_exist_fails_its_message) {
    Wakeup wakeup;
    const auto producer = must(Producer::create(settings(), wakeup));
    must(producer->produce({unique("absent"), std::nullopt, "value", {}}, 7));
    const auto outcomes = settle(*producer, wakeup);
    ASSERT_FALSE(outcomes.at(7));
    EXPECT_EQ(outcomes.at(7).error().code, Error::Code::not_found) << outcomes.at(7).error().message;
}

TEST(Producer, a_full_queue_is_a_retryable_error_and_queues_nothing) {
    Wakeup wakeup;
    auto nobody = settings();
    nobody["bootstrap.servers"] = "127.0.0.1:1";
    const auto producer = must(Producer::create(nobody, wakeup));
    const std::string value(1 << 20, 'x');
    Result<void> last;
    std::uint64_t token = 0;
    while ((last = producer->produce({"jobs", std::nullopt, value, {}}, token)) && token < 200) ++token;
    ASSERT_FALSE(last);
    EXPECT_TRUE(last.error().retryable);
    EXPECT_EQ(last.error().code, Error::Code::unavailable);
    EXPECT_EQ(producer->in_flight(), token);
    std::vector<ClientError> troubles;
    EXPECT_TRUE(wait_until(wakeup, [&] {
        producer->poll();
        for (auto& trouble : producer->troubles()) troubles.push_back(std::move(trouble));
        return !troubles.empty();
    }));
    EXPECT_EQ(troubles.front().error.code, Error::Code::unavailable);
    EXPECT_THAT(troubles.front().broker, testing::HasSubstr("127.0.0.1:1"));
}

TEST(Producer, gives_the_brokers_time_where_the_topic_has_log_append_time) {
    const auto topic = make_topic(1, {{"message.timestamp.type", "LogAppendTime"}});
    const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
    EXPECT_GE(produce(topic, {{"k", "v", {}}})[0].timestamp, std::chrono::floor<Duration>(before));
}

}  // namespace
}  // namespace drover::kafka::test
