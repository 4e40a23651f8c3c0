// A queue's rate and a key's, as the engine keeps them. The limits themselves: rate_limits_test.cpp.
#include "tests/sidecar/core/engine_fixture.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using How = action::Settled::How;
using Verdict = Outcome::Verdict;

class EngineLimits : public EngineFixture {
protected:
    // Lets the time pass from one wake-up to the next until `end`, every job answered at once. When each was handed
    // over.
    std::vector<Duration> run(Duration end) {
        std::vector<Duration> handed_over;
        const Time begin = now;
        for (;;) {
            for (const auto& given : all<action::HandOver>()) {
                handed_over.push_back(now - begin);
                step(event::Answered{given.lease, {}});
            }
            if (count<action::HandOver>() > 0) continue;
            const auto next = engine->next_wakeup();
            if (!next || *next > begin + end) return handed_over;
            EXPECT_GE(*next, now);
            now = std::max(*next, now + 1us);
            step(event::Tick{});
        }
    }
};

TEST_F(EngineLimits, A13_ten_jobs_at_one_a_second_take_nine_seconds) {
    config.rate_limit = jobqueue::Rate{1, 1s};
    config.concurrency = 10;
    start();
    pass(10s);
    step(event::Paused{true});
    for (Slot slot = 0; slot < 10; ++slot) arrive(slot);
    step(event::Paused{false});
    const auto at = run(20s);
    ASSERT_EQ(at.size(), 10U);
    EXPECT_GE(at.back(), 9s);
    EXPECT_LE(at.back(), 12s);
    EXPECT_EQ(engine->in_flight(), 0U);
}

TEST_F(EngineLimits, A13_what_waits_for_the_queues_rate_uses_no_attempt_and_is_nowhere_written) {
    config.rate_limit = jobqueue::Rate{1, 1h};
    start();
    arrive(0);
    arrive(1);
    pass(10min);
    EXPECT_EQ(count<action::WriteRetry>(), 0);
    EXPECT_EQ(engine->held() + engine->in_flight(), 2U);
}

TEST_F(EngineLimits, A13_a_key_over_its_limit_waits_and_no_other_key_waits_for_it) {
    config.key_rate_limit = jobqueue::Rate{1, 1min};
    config.concurrency = 10;
    start();
    arrive(0, 7);
    answer(the<action::HandOver>().lease, Verdict::done);
    arrive(1, 7);
    EXPECT_EQ(count<action::HandOver>(), 0);
    arrive(2, 8);
    EXPECT_EQ(the<action::HandOver>().slot, 2U);
    arrive(3);
    EXPECT_EQ(the<action::HandOver>().slot, 3U) << "a job without a key has no limit";
    pass(59s);
    EXPECT_EQ(count<action::HandOver>(), 0);
    pass(1s);
    EXPECT_EQ(the<action::HandOver>().slot, 1U);
    EXPECT_EQ(the<action::HandOver>().attempt, 1);
}

TEST_F(EngineLimits, A13_many_jobs_of_one_key_are_put_off_one_after_the_other_and_leave_room_for_the_others) {
    config.key_rate_limit = jobqueue::Rate{1, 1min};
    config.held_jobs = 10;
    config.concurrency = 10;
    start();
    std::vector<Time> due;
    for (Slot slot = 0; slot < 20; ++slot) {
        arrive(slot, 7);
        for (const auto& moved : all<action::WriteRetry>()) {
            EXPECT_EQ(moved.why, action::WriteRetry::Why::held_back);
            EXPECT_EQ(moved.attempts_made, 0);
            due.push_back(moved.due_at);
            step(event::Written{slot});
            EXPECT_EQ(the<action::Settled>().how, How::moved);
        }
    }
    ASSERT_GE(due.size(), 10U);
    for (std::size_t i = 1; i < due.size(); ++i) EXPECT_GE(due[i], due[i - 1] + 1min);
    EXPECT_GT(engine->room(1), 0U);
}

TEST_F(EngineLimits, A13_with_an_order_to_keep_the_limited_job_keeps_its_place) {
    config.ordering = jobqueue::Ordering::key;
    config.key_rate_limit = jobqueue::Rate{1, 1min};
    start();
    for (Slot slot = 0; slot < 3; ++slot) arrive(slot, 7);
    EXPECT_EQ(engine->in_flight(), 0U + 1U);
    step(event::Cancelled{2});
    EXPECT_EQ(the<action::Settled>().how, How::cancelled);
}

TEST_F(EngineLimits, A13_a_limited_job_is_cancelled_and_dropped_like_any_that_waits) {
    config.key_rate_limit = jobqueue::Rate{1, 1min};
    start();
    arrive(0, 7);
    arrive(1, 7);
    arrive(2, 7);
    step(event::Cancelled{1});
    EXPECT_EQ(the<action::Settled>().how, How::cancelled);
    step(event::Revoking{1});
    EXPECT_EQ(the<action::Settled>().how, How::dropped);
}

TEST_F(EngineLimits, A13_pods_tell_each_other_and_a_paused_one_lends_its_share) {
    config.rate_limit = jobqueue::Rate{10, 1s};
    config.all_partitions = 2;
    start();
    arrive(0);
    pass(1100ms);
    EXPECT_EQ(count<action::ReportUsage>(), 1);
    step(event::Paused{true});
    pass(1100ms);
    EXPECT_FALSE(the<action::ReportUsage>().report.has_demand);
    EXPECT_EQ(the<action::ReportUsage>().report.partitions, 1);
}

}  // namespace
}  // namespace drover::sidecar
