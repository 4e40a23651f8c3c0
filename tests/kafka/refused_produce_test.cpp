// What a broker cannot be asked for: errors of single produce requests. On librdkafka's mock cluster.
#include <map>
#include <memory>

#include <gtest/gtest.h>
#include <poll.h>

#include "src/kafka/producer.h"
#include "tests/kafka/mock_cluster.h"

namespace drover::kafka {
namespace {

using test::MockCluster;

// Every token's outcomes, until `count` came and the producer says that nothing is left.
std::map<std::uint64_t, std::vector<Result<Acknowledged>>> collect(Producer& producer, Wakeup& wakeup,
                                                                   std::size_t count) {
    std::map<std::uint64_t, std::vector<Result<Acknowledged>>> outcomes;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((outcomes.size() < count || producer.in_flight() > 0) && std::chrono::steady_clock::now() < deadline) {
        wakeup.clear();
        for (auto& delivery : producer.poll()) outcomes[delivery.token].push_back(std::move(delivery.outcome));
        pollfd readable{wakeup.fd(), POLLIN, 0};
        ::poll(&readable, 1, 100);
    }
    return outcomes;
}

TEST(FatalProducer, each_message_fails_once_as_retryable_and_a_new_producer_goes_on) {
    MockCluster cluster;
    Wakeup wakeup;
    auto producer = Producer::create(cluster.settings(), wakeup);
    ASSERT_TRUE(producer) << producer.error().message;
    cluster.refuse_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);

    const std::vector<Field> headers = {{"name", "value"}};
    constexpr std::uint64_t count = 50;
    std::uint64_t queued = 0;
    for (std::uint64_t token = 0; token < count; ++token) {
        // Once the client is broken it refuses what it has not taken yet; also as retryable.
        const auto result = (*producer)->produce({"jobs", "key", "value", headers}, token);
        if (!result) {
            EXPECT_TRUE(result.error().retryable) << result.error().message;
            break;
        }
        ++queued;
    }
    ASSERT_GT(queued, 0U);
    const auto outcomes = collect(**producer, wakeup, queued);
    ASSERT_EQ(outcomes.size(), queued);
    std::size_t failed = 0;
    for (const auto& [token, results] : outcomes) {
        ASSERT_EQ(results.size(), 1U) << "token " << token;
        if (results[0]) continue;
        ++failed;
        EXPECT_TRUE(results[0].error().retryable) << results[0].error().message;
    }
    EXPECT_GT(failed, 0U);

    const auto troubles = (*producer)->troubles();
    ASSERT_FALSE(troubles.empty());
    for (const auto& trouble : troubles) EXPECT_FALSE(trouble.fatal) << trouble.error.message;

    ASSERT_TRUE((*producer)->produce({"jobs", "key", "value", headers}, 1000));
    const auto again = collect(**producer, wakeup, 1);
    ASSERT_TRUE(again.contains(1000));
    EXPECT_TRUE(again.at(1000)[0].has_value());
}

TEST(FatalProducer, an_error_that_librdkafka_retries_is_not_seen) {
    MockCluster cluster;
    Wakeup wakeup;
    auto producer = Producer::create(cluster.settings(), wakeup);
    ASSERT_TRUE(producer) << producer.error().message;
    cluster.refuse_next_produce(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    ASSERT_TRUE((*producer)->produce({"jobs", std::nullopt, "value", {}}, 1));
    const auto outcomes = collect(**producer, wakeup, 1);
    ASSERT_TRUE(outcomes.contains(1));
    EXPECT_TRUE(outcomes.at(1)[0].has_value()) << outcomes.at(1)[0].error().message;
}

// As on a partition that was created a moment ago: its leader does not know it yet when the first request comes, and
// has no sequence to compare with when it takes the second one, which follows right behind.
TEST(RefusedProduce, a_message_that_was_refused_is_sent_again_though_the_next_one_was_taken) {
    MockCluster cluster;
    Wakeup wakeup;
    auto settings = cluster.settings();
    settings.emplace("batch.num.messages", "1");
    auto producer = Producer::create(settings, wakeup);
    ASSERT_TRUE(producer) << producer.error().message;
    ASSERT_TRUE((*producer)->produce({"jobs", std::nullopt, "connects", {}}, 0));
    ASSERT_TRUE(collect(**producer, wakeup, 1).contains(0));

    cluster.delay_answers(std::chrono::seconds(1));
    cluster.refuse_next_produce(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    for (std::uint64_t token = 1; token <= 3; ++token) {
        ASSERT_TRUE((*producer)->produce({"jobs", std::nullopt, "value", {}}, token));
    }
    const auto outcomes = collect(**producer, wakeup, 3);
    std::map<std::int64_t, std::uint64_t> tokens;
    for (const auto& [token, results] : outcomes) {
        ASSERT_EQ(results.size(), 1U) << "token " << token;
        ASSERT_TRUE(results[0]) << results[0].error().message;
        tokens[results[0]->offset] = token;
    }
    EXPECT_EQ(tokens, (std::map<std::int64_t, std::uint64_t>{{1, 2}, {2, 3}, {3, 1}})) << "the offset of each token";
    EXPECT_TRUE((*producer)->troubles().empty());
}

}  // namespace
}  // namespace drover::kafka
