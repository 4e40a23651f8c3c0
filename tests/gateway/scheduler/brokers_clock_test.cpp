#include "gateway/scheduler/brokers_clock.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

constexpr BrokersClock::Steady start{1h};

TEST(BrokersClock, C8_is_not_known_before_the_first_answer) { EXPECT_EQ(BrokersClock().at(start), std::nullopt); }

TEST(BrokersClock, C8_is_late_by_the_quickest_answer_and_never_early) {
    BrokersClock clock;
    const Time there = time_from_millis(1'000'000);
    clock.hear(there, start + 300ms);  // 300 ms on its way
    EXPECT_EQ(clock.at(start + 300ms), there);
    clock.hear(there + 1s, start + 1s + 5ms);
    EXPECT_EQ(clock.at(start + 1s + 5ms), there + 1s);
    clock.hear(there + 2s, start + 2s + 200ms);  // a slow one takes nothing back
    EXPECT_EQ(clock.at(start + 3s), there + 3s - 5ms);
}

TEST(BrokersClock, C8_follows_a_clock_that_falls_behind) {
    BrokersClock clock;
    const Time there = time_from_millis(1'000'000);
    clock.hear(there, start);
    for (auto later = 1min; later <= 11min; later += 1min) clock.hear(there + later - 1s, start + later);
    EXPECT_EQ(clock.at(start + 11min), there + 11min - 1s);
}

}  // namespace
}  // namespace drover::gateway
