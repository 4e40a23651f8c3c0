// What waits because a request is under way. On librdkafka's mock cluster.
#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>

#include "src/kafka/producer.h"
#include "tests/kafka/mock_cluster.h"

namespace drover::kafka {
namespace {

using namespace std::chrono_literals;
using test::api_produce;
using test::MockCluster;

class RequestsInFlight : public testing::Test {
protected:
    // Connected, and each answer takes a second from now on.
    void begin(int requests_in_flight) {
        auto producer = Producer::create(cluster_.settings(), wakeup_, 0ms, {.requests_in_flight = requests_in_flight});
        ASSERT_TRUE(producer) << producer.error().message;
        producer_ = std::move(*producer);
        produce(1);
        wait_until([this] { return producer_->in_flight() == 0; });
        cluster_.delay_answers(1s);
        cluster_.count_requests();
    }

    void produce(int count) {
        for (; count > 0; --count) ASSERT_TRUE(producer_->produce({"jobs", std::nullopt, "value", {}}, ++last_token_));
    }

    template <class Condition>
    void wait_until(const Condition& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            wakeup_.clear();
            for (const Delivery& delivery : producer_->poll()) {
                EXPECT_TRUE(delivery.outcome) << delivery.outcome.error().message;
            }
            pollfd readable{wakeup_.fd(), POLLIN, 0};
            ::poll(&readable, 1, 10);
        }
    }

    MockCluster cluster_;
    Wakeup wakeup_;
    std::unique_ptr<Producer> producer_;
    std::uint64_t last_token_ = 0;
};

std::chrono::microseconds cpu_time() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](const timeval& time) { return 1s * time.tv_sec + 1us * time.tv_usec; };
    return micros(usage.ru_utime) + micros(usage.ru_stime);
}

TEST_F(RequestsInFlight, what_comes_while_the_only_one_is_under_way_goes_together) {
    ASSERT_NO_FATAL_FAILURE(begin(1));
    produce(1);
    wait_until([this] { return cluster_.requests(api_produce) == 1; });
    produce(1);
    std::this_thread::sleep_for(50ms);  // in which nothing may be made of the one alone
    produce(20);
    wait_until([this] { return producer_->in_flight() == 0; });
    EXPECT_EQ(cluster_.requests(api_produce), 2);
}

TEST_F(RequestsInFlight, a_partition_that_waits_for_its_answers_does_not_spin) {
    ASSERT_NO_FATAL_FAILURE(begin(5));
    produce(20);
    wait_until([this] { return cluster_.requests(api_produce) > 0; });
    produce(20);
    const auto began = std::chrono::steady_clock::now();
    const auto cpu_before = cpu_time();
    wait_until([this] { return producer_->in_flight() == 0; });
    EXPECT_LT(cpu_time() - cpu_before, (std::chrono::steady_clock::now() - began) / 4);
}

// Each leader is connected for the first time then.
TEST(FirstRequests, go_to_all_brokers) {
    MockCluster cluster(3);
    cluster.create("wide", 12);
    Wakeup wakeup;
    for (const int requests_in_flight : {1, 5}) {
        auto producer = Producer::create(cluster.settings(), wakeup, 0ms,
                                         {.delivery = 10s, .requests_in_flight = requests_in_flight});
        ASSERT_TRUE(producer) << producer.error().message;
        constexpr int count = 100;
        for (int n = 0; n < count; ++n) {
            const std::string key = std::to_string(n);
            ASSERT_TRUE((*producer)->produce({"wide", key, "value", {}}, static_cast<std::uint64_t>(n)));
        }
        std::set<int> partitions;
        while ((*producer)->in_flight() > 0) {
            wakeup.clear();
            for (const Delivery& delivery : (*producer)->poll()) {
                ASSERT_TRUE(delivery.outcome) << delivery.outcome.error().message;
                partitions.insert(delivery.outcome->partition);
            }
            pollfd readable{wakeup.fd(), POLLIN, 0};
            ::poll(&readable, 1, 10);
        }
        EXPECT_EQ(partitions.size(), 12U);
    }
}

}  // namespace
}  // namespace drover::kafka
