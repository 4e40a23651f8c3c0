// Jobs that outlive their hand-over, are taken back, go in batches or are asked for.
#include "tests/sidecar/core/engine_fixture.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using How = action::Settled::How;
using Verdict = Outcome::Verdict;

class EngineLeases : public EngineFixture {};

TEST_F(EngineLeases, A8_a_renewed_lease_keeps_a_job_of_ten_timeouts_active) {
    config.timeout = 10s;
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Accepted{lease});
    for (int i = 0; i < 20; ++i) {
        pass(5s);
        EXPECT_EQ(count<action::Abort>(), 0);
        step(event::Renewed{lease});
        EXPECT_EQ(engine->standing(lease)->expires_at, now + 10s);
    }
    answer(lease, Verdict::done);
    EXPECT_EQ(the<action::Settled>().how, How::completed);
    EXPECT_FALSE(engine->standing(lease));
}

TEST_F(EngineLeases, A8_a_lease_that_is_not_renewed_ends_and_its_late_completion_changes_nothing) {
    config.timeout = 10s;
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Accepted{lease});
    pass(10s);
    EXPECT_EQ(the<action::Abort>().lease, lease);
    EXPECT_FALSE(engine->standing(lease)) << "it is over, though its Answered is still to come";
    answer(lease, Verdict::aborted);
    EXPECT_EQ(the<action::WriteRetry>().cause.error_class, "Timeout");
    answer(lease, Verdict::done);
    EXPECT_EQ(count<action::Settled>(), 0);
    step(event::Renewed{lease});
    step(event::Accepted{lease});
    EXPECT_FALSE(engine->standing(lease));
}

TEST_F(EngineLeases, A8_no_lease_outlives_the_deadline) {
    start();
    step(event::Arrived{.assignment = 1, .slot = 0, .offset = 0, .deadline = now + 12s, .appended_at = now});
    const Lease lease = the<action::HandOver>().lease;
    step(event::Accepted{lease});
    step(event::Renewed{lease, 1h});
    EXPECT_EQ(engine->standing(lease)->expires_at, now + 12s);
}

TEST_F(EngineLeases, A15_a_leased_job_has_max_drain_when_its_partition_goes_and_then_costs_no_attempt) {
    config.timeout = 1h;
    config.max_drain = 20s;
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Accepted{lease});
    step(event::Revoking{1});
    EXPECT_TRUE(engine->standing(lease)->leaving);
    EXPECT_EQ(engine->standing(lease)->expires_at, now + 20s);
    pass(10s);
    step(event::Renewed{lease});
    pass(10s);
    EXPECT_EQ(the<action::Abort>().lease, lease);
    answer(lease, Verdict::aborted);
    EXPECT_EQ(the<action::Settled>().how, How::dropped);
    EXPECT_EQ(count<action::WriteRetry>(), 0);
    EXPECT_EQ(count<action::Release>(), 1);
}

TEST_F(EngineLeases, A15_a_leased_job_cannot_stay_by_renewing_once_its_partition_goes) {
    config.timeout = 10s;
    config.max_drain = 20s;
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Accepted{lease});
    step(event::Drain{});
    const Time begin = now;
    while (engine->standing(lease)) {
        step(event::Renewed{lease});
        pass(5s);
        ASSERT_LE(now - begin, 30s);
    }
}

TEST_F(EngineLeases, A15_a_pushed_job_is_waited_for_until_its_timeout) {
    config.timeout = 60s;
    config.max_drain = 1s;
    start();
    arrive(0);
    step(event::Drain{});
    pass(59s);
    EXPECT_EQ(count<action::Abort>(), 0);
}

TEST_F(EngineLeases, A15_a_pushed_job_cannot_stay_by_heartbeats_once_its_partition_goes) {
    config.timeout = 10s;
    config.max_drain = 20s;
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Revoking{1});
    const Time begin = now;
    while (engine->standing(lease)) {
        step(event::Renewed{lease});
        pass(5s);
        ASSERT_LE(now - begin, 20s);
    }
    answer(lease, Verdict::aborted);
    EXPECT_EQ(the<action::Settled>().how, How::dropped) << "it was healthy: no attempt is used";
}

// --- cancel

TEST_F(EngineLeases, A14_a_waiting_a_delayed_and_a_running_job_are_cancelled) {
    config.concurrency = 1;
    config.retry_steps.clear();  // so that the delayed one waits here
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    arrive(1);
    step(event::Arrived{.assignment = 1, .slot = 2, .offset = 2, .due_at = now + 1s, .appended_at = now});
    for (const Slot slot : {1U, 2U}) {
        step(event::Cancelled{slot});
        EXPECT_EQ(the<action::Settled>().slot, slot);
        EXPECT_EQ(the<action::Settled>().how, How::cancelled);
    }
    step(event::Cancelled{0});
    EXPECT_EQ(the<action::Abort>().lease, lease);
    EXPECT_FALSE(engine->standing(lease));
    answer(lease, Verdict::aborted);
    EXPECT_EQ(the<action::Settled>().how, How::cancelled);
    step(event::Committed{1});
    pass(1s);
    EXPECT_EQ(the<action::Commit>().offset, 3);
}

TEST_F(EngineLeases, A14_a_job_that_was_cancelled_before_it_came_is_not_handed_over) {
    start();
    step(event::Arrived{.assignment = 1, .slot = 0, .offset = 0, .appended_at = now, .cancelled = true});
    EXPECT_EQ(the<action::Settled>().how, How::cancelled);
}

TEST_F(EngineLeases, A14_a_cancel_that_comes_too_late_takes_nothing_back) {
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Cancelled{0});
    answer(lease, Verdict::done);
    EXPECT_EQ(the<action::Settled>().how, How::completed);
}

TEST_F(EngineLeases, A14_a_cancelled_job_that_the_app_has_not_seen_is_not_handed_over_again) {
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Cancelled{0});
    answer(lease, Verdict::not_delivered);
    EXPECT_EQ(the<action::Settled>().how, How::cancelled);
}

TEST_F(EngineLeases, A14_a_job_is_cancelled_in_the_middle_of_its_key_and_the_order_of_the_others_stays) {
    config.ordering = jobqueue::Ordering::key;
    config.terminal_events = true;
    start();
    arrive(0, 7);
    const Lease first = the<action::HandOver>().lease;
    arrive(1, 7);
    arrive(2, 7);
    step(event::Cancelled{1});
    EXPECT_TRUE(the<action::WriteEvent>().cancelled);
    answer(first, Verdict::done);
    step(event::Written{0});
    EXPECT_EQ(count<action::HandOver>(), 0) << "the cancelled one is being written, and still before the third";
    step(event::Written{1});
    EXPECT_EQ(the<action::HandOver>().slot, 2U);
}

TEST_F(EngineLeases, A14_a_cancel_of_a_job_whose_retry_is_being_written_leaves_it_to_who_reads_that) {
    start();
    arrive(0);
    answer(the<action::HandOver>().lease, Verdict::retry);
    step(event::Cancelled{0});
    EXPECT_TRUE(actions.empty());
    step(event::Written{0});
    EXPECT_EQ(the<action::Settled>().how, How::retried);
}

// --- time

TEST_F(EngineLeases, A5_43_jobs_due_at_the_same_instant_run_in_the_order_of_their_submission) {
    config.concurrency = 1;
    config.retry_steps.clear();
    start();
    const Time due = now + 1s;
    for (Slot i = 0; i < 43; ++i) {  // slots come in any order
        const Slot slot = i * 7 % 43;
        step(event::Arrived{.assignment = 1, .slot = slot, .offset = i, .due_at = due, .appended_at = now});
    }
    pass(1s);
    for (Slot i = 0; i < 43; ++i) {
        const auto given = the<action::HandOver>();
        ASSERT_EQ(given.slot, i * 7 % 43);
        answer(given.lease, Verdict::done);
    }
}

TEST_F(EngineLeases, A5_backoff_of_a_second_exponential_with_three_tries_takes_three_seconds_in_all) {
    config.retry_steps.clear();
    start();
    const Time begin = now;
    arrive(0);
    for (int i = 0; i < 2; ++i) {
        answer(the<action::HandOver>().lease, Verdict::retry);
        EXPECT_EQ(count<action::HandOver>(), 0);
        now = *engine->next_wakeup();
        while (count<action::HandOver>() == 0) pass(1ms);
    }
    EXPECT_GE(now - begin, 3s);
    answer(the<action::HandOver>().lease, Verdict::retry);
    EXPECT_EQ(the<action::WriteDeadLetter>().attempts_made, 3);
}

TEST_F(EngineLeases, A4_a_permanent_failure_on_the_second_try_is_dead_with_two_attempts) {
    config.retry_steps.clear();
    start();
    arrive(0);
    answer(the<action::HandOver>().lease, Verdict::retry);
    pass(1s);
    answer(the<action::HandOver>().lease, Verdict::dead);
    EXPECT_EQ(the<action::WriteDeadLetter>().attempts_made, 2);
}

// --- events

TEST_F(EngineLeases, A9_a_job_is_finished_when_its_end_is_written) {
    config.terminal_events = true;
    start();
    arrive(0);
    answer(the<action::HandOver>().lease, Verdict::done);
    EXPECT_FALSE(the<action::WriteEvent>().cancelled);
    pass(1s);
    EXPECT_EQ(count<action::Commit>(), 0);
    step(event::WriteFailed{0, true});
    EXPECT_TRUE(the<action::WriteEvent>().without_result);
    step(event::WriteFailed{0});
    pass(1s);
    EXPECT_TRUE(the<action::WriteEvent>().without_result);
    step(event::Written{0});
    EXPECT_EQ(the<action::Settled>().how, How::completed);
}

// --- batches

TEST_F(EngineLeases, A10_a_batch_goes_when_it_is_full_or_its_first_job_has_waited_long_enough) {
    config.batch_max_size = 3;
    config.batch_max_wait = 1s;
    start();
    arrive(0);
    EXPECT_EQ(count<action::HandOver>(), 0);
    EXPECT_LE(engine->next_wakeup(), now + 1s);
    arrive(1);
    arrive(2);
    const auto full = all<action::HandOver>();
    ASSERT_EQ(full.size(), 3U);
    EXPECT_NE(full[0].exchange, 0U);
    EXPECT_EQ(full[0].exchange, full[2].exchange);
    pass(100ms);
    arrive(3);
    pass(999ms);
    EXPECT_EQ(count<action::HandOver>(), 0);
    pass(1ms);
    EXPECT_NE(the<action::HandOver>().exchange, full[0].exchange);
}

TEST_F(EngineLeases, A10_concurrency_counts_batches_and_a_batch_is_over_with_its_last_job) {
    config.batch_max_size = 2;
    config.concurrency = 1;
    start();
    step(event::Paused{true});
    for (Slot slot = 0; slot < 5; ++slot) arrive(slot);
    step(event::Paused{false});
    const auto first = all<action::HandOver>();
    ASSERT_EQ(first.size(), 2U);
    answer(first[0].lease, Verdict::done);
    EXPECT_EQ(count<action::HandOver>(), 0);
    answer(first[1].lease, Verdict::retry);
    EXPECT_EQ(count<action::WriteRetry>(), 1);
    EXPECT_EQ(count<action::HandOver>(), 2);
}

TEST_F(EngineLeases, A10_a_batch_has_one_job_of_a_key) {
    config.batch_max_size = 10;
    config.ordering = jobqueue::Ordering::key;
    start();
    step(event::Paused{true});
    for (Slot slot = 0; slot < 6; ++slot) arrive(slot, slot % 3);
    step(event::Paused{false});
    EXPECT_EQ(count<action::HandOver>(), 3);
}

TEST_F(EngineLeases, A10_what_a_full_batch_left_over_has_waited_as_well) {
    config.batch_max_size = 2;
    config.batch_max_wait = 1s;
    start();
    step(event::Paused{true});
    for (Slot slot = 0; slot < 3; ++slot) arrive(slot);
    pass(10s);
    step(event::Paused{false});
    EXPECT_EQ(count<action::HandOver>(), 3);
}

TEST_F(EngineLeases, A10_a_batch_that_the_app_has_not_seen_does_not_wait_once_more) {
    config.batch_max_size = 3;
    config.batch_max_wait = 1s;
    start();
    arrive(0);
    pass(900ms);
    arrive(1);
    pass(100ms);
    const auto batch = all<action::HandOver>();
    ASSERT_EQ(batch.size(), 2U);
    for (const auto& given : batch) answer(given.lease, Verdict::not_delivered);
    pass(20ms);
    step(event::WorkerProbed{true});
    const auto again = all<action::HandOver>();
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[0].slot, 0U);
}

TEST_F(EngineLeases, A10_a_batch_that_cannot_go_wakes_nobody) {
    config.batch_max_size = 2;
    config.batch_max_wait = 1s;
    start();
    step(event::Paused{true});
    arrive(0);
    EXPECT_EQ(engine->next_wakeup(), now + 1s);
    pass(1s);
    EXPECT_FALSE(engine->next_wakeup());
}

// --- pull

TEST_F(EngineLeases, A11_an_app_that_pulls_gets_as_many_as_it_asks_for_at_most_concurrency) {
    config.pulled = true;
    engine.emplace(config, 1);
    step(event::Assigned{1, 0, {}});
    EXPECT_EQ(count<action::Probe>(), 0);
    for (Slot slot = 0; slot < 4; ++slot) {
        arrive(slot);
        EXPECT_EQ(count<action::HandOver>(), 0);
    }
    step(event::Demanded{1});
    const Lease lease = the<action::HandOver>().lease;
    step(event::Demanded{5});
    EXPECT_EQ(count<action::HandOver>(), 1);
    step(event::Renewed{lease, 1h});
    EXPECT_EQ(engine->standing(lease)->expires_at, now + 1h);
    answer(lease, Verdict::done);
    EXPECT_EQ(count<action::HandOver>(), 1);
}

// --- lanes

class EngineLanes : public EngineFixture {
protected:
    EngineLanes() {
        config.lanes = 3;
        config.concurrency = 1;
    }
    void arrive_in(AssignmentId assignment, Slot slot, std::optional<std::size_t> lane = std::nullopt) {
        step(event::Arrived{.assignment = assignment, .slot = slot, .offset = slot, .appended_at = now, .lane = lane});
    }
    // The slots in the order in which they are handed over, each answered at once.
    std::vector<Slot> run() {
        std::vector<Slot> order;
        while (count<action::HandOver>() > 0) {
            const auto given = the<action::HandOver>();
            order.push_back(given.slot);
            answer(given.lease, Verdict::done);
        }
        return order;
    }
};

TEST_F(EngineLanes, A12_what_was_there_before_the_start_goes_in_strict_order_of_the_lanes) {
    engine.emplace(config, 1);
    step(event::WorkerProbed{true});
    for (std::size_t lane = 0; lane < 3; ++lane) {
        step(event::Assigned{.assignment = static_cast<AssignmentId>(lane + 1), .lane = lane});
    }
    step(event::WorkerProbed{true});
    for (Slot slot = 0; slot < 9; ++slot) arrive_in(slot % 2 + 2, slot);  // the lower two lanes are read first
    EXPECT_EQ(count<action::HandOver>(), 0);
    arrive_in(1, 9);
    EXPECT_EQ(run(), (std::vector<Slot>{9, 0, 2, 4, 6, 8, 1, 3, 5, 7}));
}

TEST_F(EngineLanes, A12_a_lane_of_which_this_pod_has_nothing_holds_up_the_first_job_for_three_seconds_at_most) {
    start();
    arrive_in(1, 0);
    EXPECT_EQ(count<action::HandOver>(), 0);
    EXPECT_EQ(engine->next_wakeup(), now + 3s);
    pass(3s);
    EXPECT_EQ(count<action::HandOver>(), 1);
}

TEST_F(EngineLanes, A12_the_look_into_the_lanes_ends_while_nothing_may_be_handed_over) {
    start();
    step(event::Paused{true});
    arrive_in(1, 0);
    pass(3s);
    EXPECT_FALSE(engine->next_wakeup());
}

TEST_F(EngineLanes, A12_a_lane_that_retries_have_filled_leaves_the_others_their_room) {
    start();
    step(event::Assigned{.assignment = 2, .retry_step = 1s});
    step(event::Paused{true});
    for (Slot slot = 0; slot < 100; ++slot) arrive_in(2, slot, 2);
    EXPECT_TRUE(engine->has_room());
    EXPECT_GT(engine->room(1), 0U);
}

TEST_F(EngineLanes, A12_a_retried_job_goes_to_the_lane_that_its_record_names) {
    start();
    step(event::Assigned{.assignment = 2, .retry_step = 1s});
    pass(3s);
    arrive_in(1, 0);
    const Lease lease = the<action::HandOver>().lease;
    arrive_in(2, 1, 2);
    arrive_in(2, 2, 1);
    arrive_in(1, 3);
    answer(lease, Verdict::done);
    EXPECT_EQ(run(), (std::vector<Slot>{3, 2, 1}));
}

// --- redelivery

class EngineRedelivery : public EngineFixture {
protected:
    void arrive_as(Slot slot, Fingerprint print) {
        step(event::Arrived{.assignment = 1, .slot = slot, .offset = slot, .appended_at = now, .fingerprint = print});
    }
};

TEST_F(EngineRedelivery, A16_the_same_try_of_a_job_that_runs_or_is_finished_is_not_handed_over_again) {
    start();
    arrive_as(0, 77);
    const Lease lease = the<action::HandOver>().lease;
    arrive_as(1, 77);
    EXPECT_EQ(the<action::Settled>().how, How::repeated);
    answer(lease, Verdict::done);
    arrive_as(2, 77);
    EXPECT_EQ(the<action::Settled>().how, How::repeated);
    arrive_as(3, 78);
    EXPECT_EQ(count<action::HandOver>(), 1);
    step(event::Committed{1});
    pass(1s);
    EXPECT_EQ(the<action::Commit>().offset, 3);
}

TEST_F(EngineRedelivery, A16_what_the_last_owner_finished_is_known_where_it_was_read_back) {
    start();
    step(event::Finished{1, 77});
    step(event::Finished{99, 78});
    arrive_as(0, 77);
    EXPECT_EQ(the<action::Settled>().how, How::repeated);
    arrive_as(1, 78);
    EXPECT_EQ(count<action::HandOver>(), 1);
}

}  // namespace
}  // namespace drover::sidecar
