#include "gateway/core/minute_record.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/gateway/core/told_events.h"

namespace drover::gateway::test {
namespace {

using jobqueue::JobEvent;
using jobqueue::LifecycleEvent;
using testing::ElementsAre;
using testing::Pair;
using namespace std::chrono_literals;

MinuteRecords minutes_of(const std::vector<LifecycleEvent>& events) {
    JobRecord record;
    for (const LifecycleEvent& event : events) merge(record, event);
    settle(record);
    MinuteRecords minutes;
    count_record(record, 1, minutes);
    return minutes;
}

TEST(MinuteRecord, C4_a_retried_and_completed_job_counts_in_the_minutes_it_happened_in) {
    const QueueFigures figures = summary(
        minutes_of({{.type = "send", .state = JobEvent::submitted, .at = at(0)},
                    {.type = "send",
                     .state = JobEvent::retrying,
                     .attempt = 1,
                     .at = at(61'000),
                     .error_class = "Timeout",
                     .busy = 1s},
                    {.type = "send", .state = JobEvent::completed, .attempt = 2, .at = at(130'000), .busy = 2s}}));
    EXPECT_EQ(figures.total.completed, 1);
    EXPECT_EQ(figures.total.retried, 1);
    EXPECT_EQ(figures.total.failed, 0);
    EXPECT_THAT(figures.errors, ElementsAre(Pair("Timeout", 1)));
    EXPECT_EQ(figures.run.count, 1);
    EXPECT_EQ(figures.run.mean, 2s);
    EXPECT_EQ(figures.wait.count, 1);
    EXPECT_EQ(figures.wait.mean, 60s);
    ASSERT_EQ(figures.minutes.size(), 2U);  // it began to run in the minute of its retry
    EXPECT_EQ(figures.minutes[0].retried, 1);
    EXPECT_EQ(figures.minutes[1].completed, 1);
    EXPECT_THAT(figures.types, ElementsAre(Pair("send", figures.run)));
}

TEST(MinuteRecord, C4_a_delayed_job_waits_from_when_it_is_due) {
    const auto figures = summary(minutes_of({{.state = JobEvent::submitted, .at = at(0)},
                                             {.state = JobEvent::delayed, .at = at(1), .due_at = at(30'000)},
                                             {.state = JobEvent::waiting, .at = at(30'100)},
                                             {.state = JobEvent::started, .attempt = 1, .at = at(31'000)}}));
    EXPECT_EQ(figures.wait.mean, 1s);
}

TEST(MinuteRecord, C4_a_job_done_twice_counts_once) {
    const auto figures =
        summary(minutes_of({{.state = JobEvent::completed, .attempt = 1, .at = at(1), .busy = 1s},
                            {.state = JobEvent::completed, .attempt = 1, .at = at(9), .busy = 3s},
                            {.state = JobEvent::retrying, .attempt = 1, .at = at(5), .error_class = "E"}}));
    EXPECT_EQ(figures.total.completed, 1);
    EXPECT_EQ(figures.total.retried, 0);
    EXPECT_EQ(figures.run.mean, 3s);
}

TEST(MinuteRecord, C4_percentiles_are_within_their_bucket) {
    TimeSpread spread;
    for (int i = 1; i <= 1000; ++i) spread.add(std::chrono::milliseconds(i));
    const TimeFigures figures = spread.figures();
    EXPECT_EQ(figures.count, 1000);
    EXPECT_EQ(figures.mean, 500'500us);
    EXPECT_NEAR(static_cast<double>(figures.p50.count()), 500'000, 0.033 * 500'000);
    EXPECT_NEAR(static_cast<double>(figures.p95.count()), 950'000, 0.033 * 950'000);
    EXPECT_NEAR(static_cast<double>(figures.p99.count()), 990'000, 0.033 * 990'000);
}

TEST(MinuteRecord, C4_names_without_end_do_not_grow_a_row_without_end) {
    MinuteRecord minute;
    for (int i = 0; i < 1000; ++i) minute.add({.errors = {{"class-" + std::to_string(i), 1}}});
    EXPECT_LE(minute.errors.size(), 101U);
    std::int64_t sum = 0;
    for (const auto& [name, count] : minute.errors) sum += count;
    EXPECT_EQ(sum, 1000);
}

RC_GTEST_PROP(MinuteRecord, C4_what_is_taken_back_leaves_nothing, ()) {
    JobRecord record;
    for (int i = *rc::gen::inRange(1, 12); i > 0; --i) merge(record, any_event().read());
    settle(record);
    MinuteRecords minutes, change;
    count_record(record, 1, minutes);
    count_record(record, -1, change);
    for (auto& [begin, minute] : minutes) {
        minute.add(change[begin]);
        RC_ASSERT(minute.is_empty());
    }
}

RC_GTEST_PROP(MinuteRecord, C4_reads_as_it_was_written, ()) {
    JobRecord record;
    for (int i = *rc::gen::inRange(1, 12); i > 0; --i) merge(record, any_event().read());
    settle(record);
    MinuteRecords minutes;
    count_record(record, 1, minutes);
    for (const auto& [begin, minute] : minutes) {
        std::string json;
        append_minute_json(json, minute);
        MinuteRecord read;
        RC_ASSERT(read_minute_json(json, read));
        RC_ASSERT(read == minute);
    }
}

}  // namespace
}  // namespace drover::gateway::test
