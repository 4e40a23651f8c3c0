#include "cli/run/totals.h"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

TEST(Totals, of_two_sidecars_are_sums_and_one_histogram) {
    sidecar::Stats a{.completed = 1, .dead_lettered = 2, .dead_by_class = {{"X", 2}}, .in_flight = 3};
    sidecar::Stats b{.completed = 10, .dead_lettered = 1, .dead_by_class = {{"X", 1}, {"Y", 5}}, .in_flight = 4};
    a.worker_time.add(1ms);
    b.worker_time.add(100ms);
    b.worker_reachable = true;
    b.trouble = "no broker";
    sidecar::Stats sum;
    add_to(sum, a);
    add_to(sum, b);
    EXPECT_EQ(sum.completed, 11u);
    EXPECT_EQ(sum.dead_lettered, 3u);
    EXPECT_EQ(sum.in_flight, 7u);
    EXPECT_EQ(sum.dead_by_class, (std::map<std::string, std::uint64_t>{{"X", 3}, {"Y", 5}}));
    EXPECT_EQ(sum.worker_time.count(), 2u);
    EXPECT_TRUE(sum.worker_reachable);
    EXPECT_EQ(sum.trouble, "no broker");
}

TEST(Totals, keep_of_a_sidecar_that_ended_what_it_did_and_nothing_of_what_it_held) {
    const sidecar::Stats past =
        past_of({.completed = 5, .in_flight = 3, .held = 9, .worker_reachable = true, .trouble = "x"});
    EXPECT_EQ(past.completed, 5u);
    EXPECT_EQ(past.in_flight + past.held, 0u);
    EXPECT_FALSE(past.worker_reachable);
    EXPECT_EQ(past.trouble, "");
}

TEST(RateMeter, counts_the_last_seconds_only) {
    RateMeter meter;
    RateMeter::Clock::time_point now{1h};
    EXPECT_EQ(meter.per_second(), 0);
    for (int i = 0; i <= 20; ++i) meter.count(static_cast<std::uint64_t>(i) * 50, now += 500ms);
    EXPECT_NEAR(meter.per_second(), 100, 1);
    for (int i = 0; i <= 20; ++i) meter.count(1000, now += 500ms);
    EXPECT_EQ(meter.per_second(), 0);
}

TEST(RateMeter, was_active_from_the_first_growth_to_the_last) {
    RateMeter meter;
    const RateMeter::Clock::time_point start{1h};
    EXPECT_EQ(meter.active_time().count(), 0);
    meter.count(0, start);
    meter.count(0, start + 10s);
    meter.count(4, start + 11s);
    meter.count(8, start + 12s);
    meter.count(8, start + 99s);
    EXPECT_EQ(meter.active_time().count(), 2);
}

}  // namespace
}  // namespace drover::cli
