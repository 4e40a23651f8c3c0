#include "gateway/core/lag_history.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

const Time noon = *parse_rfc3339("2026-11-27T12:00:00Z");

LagPoint point(Time at, std::int64_t lag, std::optional<int> workers = std::nullopt) {
    return {.at = at, .lag = lag, .backlog = lag, .dead = lag / 10, .workers = workers};
}

TEST(LagHistory, D3_a_peak_within_a_stretch_of_time_is_seen) {
    LagHistory history;
    for (int second = 0; second < 30; ++second) history.add(point(noon + second * 1s, second == 14 ? 900 : 3, 2));
    const std::vector<LagPoint> points = history.points(noon - 1min, noon + 30s, 360);
    ASSERT_EQ(points.size(), 3u);
    EXPECT_EQ(points[0].lag, 3);
    EXPECT_EQ(points[1].lag, 900);
    EXPECT_EQ(points[1].dead, 0) << "of dead letters the last figure counts";
    EXPECT_EQ(points[1].at, noon + 20s);
    EXPECT_EQ(points[2].workers, 2);
}

TEST(LagHistory, D3_a_day_of_looks_is_bounded_and_asked_for_in_few_points) {
    LagHistory history;
    for (Duration since{0}; since < 30h; since += 5s) history.add(point(noon + since, since / 1h));
    const Time now = noon + 30h;
    const std::vector<LagPoint> day = history.points(now - 24h, now, 360);
    EXPECT_LE(day.size(), 360u);
    EXPECT_GE(day.size(), 340u);
    EXPECT_EQ(day.front().lag, 6);
    EXPECT_EQ(day.back().lag, 29);
    const std::vector<LagPoint> hour = history.points(now - 1h, now, 360);
    EXPECT_EQ(hour.size(), 360u);
    EXPECT_EQ(history.points(now - 1h, now, 6).size(), 6u);
    EXPECT_LE(history.points(now - 1h, now, 1).size(), 1u);
}

TEST(LagHistory, D3_points_come_in_order_whatever_the_clock_does) {
    LagHistory history;
    history.add(point(noon, 1));
    history.add(point(noon - 1h, 7));
    history.add(point(noon + 15s, 2));
    const std::vector<LagPoint> points = history.points(noon - 2h, noon + 1min, 100);
    ASSERT_FALSE(points.empty());
    for (std::size_t i = 1; i < points.size(); ++i) EXPECT_LT(points[i - 1].at, points[i].at);
    EXPECT_EQ(points.front().lag, 7) << "it is taken as of the last look";
    EXPECT_TRUE(LagHistory().points(noon, noon, 10).empty());
}

}  // namespace
}  // namespace drover::gateway
