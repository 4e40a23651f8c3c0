// Single situations, most of which a simulated world found first.
#include <algorithm>

#include "tests/sidecar/core/engine_fixture.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using How = action::Settled::How;
using Verdict = Outcome::Verdict;

class DeliveryEngineTest : public EngineFixture {};

TEST_F(DeliveryEngineTest, A6_a_letter_that_is_written_again_still_tells_the_whole_cause) {
    start();
    arrive(0);
    const std::string cause(100, 'x');
    answer(the<action::HandOver>().lease, Verdict::dead, cause);
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, cause);
    for (int i = 0; i < 3; ++i) {
        step(event::WriteFailed{0});
        pass(5s);
        EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, cause);
    }
    step(event::WriteFailed{0, true});
    EXPECT_TRUE(the<action::WriteDeadLetter>().without_payload);
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, cause);
    step(event::Written{0});
    EXPECT_EQ(the<action::Settled>().how, How::dead_lettered);
}

TEST_F(DeliveryEngineTest, A6_while_letters_cannot_be_written_memory_stays_bounded) {
    config.held_jobs = 10;
    start();
    Slot slot = 0;
    for (; engine->room(1) > 0; ++slot) {
        ASSERT_LE(slot, 12U);
        arrive(slot);
        answer(the<action::HandOver>().lease, Verdict::dead);
        step(event::WriteFailed{slot});
    }
    EXPECT_EQ(engine->held(), 10U);
    EXPECT_EQ(engine->room(1), 0U);
}

TEST_F(DeliveryEngineTest, A2_held_bytes_are_shared_between_the_partitions) {
    config.held_bytes = 2000;
    config.concurrency = 100;
    start();
    step(event::Assigned{2, 0, {}});
    step(event::Paused{true});
    for (Slot slot = 0; engine->room(1) > 0; ++slot) arrive(slot);
    EXPECT_EQ(engine->held(), 10U);
    EXPECT_GT(engine->room(2), 0U);
}

TEST_F(DeliveryEngineTest, A5_a_retry_in_its_place_is_not_early_for_the_next_owner_either) {
    config.ordering = jobqueue::Ordering::key;
    start();
    arrive(0, 7);
    const Lease lease = the<action::HandOver>().lease;
    pass(200ms);
    answer(lease, Verdict::retry);
    EXPECT_EQ(the<action::RetryInPlace>().attempts_made, 1);
    EXPECT_EQ(the<action::RetryInPlace>().cause.error_class, "Boom");
    const auto commit = the<action::Commit>();
    const auto text = jobqueue::encode_commit_metadata(commit.metadata, commit.offset);
    pass(300ms);
    start(jobqueue::decode_commit_metadata(text, commit.offset).value());
    arrive(0, 7);
    EXPECT_EQ(count<action::HandOver>(), 0);
    EXPECT_EQ(engine->next_wakeup(), now + 700ms);
    pass(700ms);
    EXPECT_EQ(the<action::HandOver>().attempt, 2);
}

TEST_F(DeliveryEngineTest, A15_a_drain_drops_what_waits_and_writes_nothing_once_it_is_over) {
    start();
    step(event::Arrived{.assignment = 1, .slot = 0, .offset = 0, .due_at = now + 1h, .appended_at = now + 1s});
    step(event::Paused{true});
    arrive(1);
    step(event::Drain{});
    EXPECT_EQ(count<action::Settled>(), 2);
    EXPECT_EQ(count<action::Drained>(), 1);
    arrive(2);
    EXPECT_EQ(the<action::Settled>().how, How::dropped);
    pass(2h);
    EXPECT_TRUE(actions.empty());
    EXPECT_EQ(engine->next_wakeup(), std::nullopt);
}

TEST_F(DeliveryEngineTest, A15_a_drain_without_a_worker_does_not_spin) {
    start();
    arrive(0);
    const Lease first = the<action::HandOver>().lease;
    arrive(1);
    const Lease second = the<action::HandOver>().lease;
    answer(first, Verdict::not_delivered);
    step(event::Drain{});
    EXPECT_EQ(count<action::Drained>(), 0);
    now += 10s;
    step(event::Tick{});
    EXPECT_GT(engine->next_wakeup(), now);  // the timeout of the other one
    answer(second, Verdict::not_delivered);
    EXPECT_EQ(count<action::Drained>(), 1);
}

TEST_F(DeliveryEngineTest, A2_a_job_of_a_lost_partition_is_aborted_once) {
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    step(event::Lost{1});
    EXPECT_EQ(the<action::Abort>().lease, lease);
    pass(31s);
    EXPECT_TRUE(actions.empty());
    answer(lease, Verdict::aborted);
    EXPECT_EQ(the<action::Settled>().how, How::dropped);
    EXPECT_EQ(engine->in_flight(), 0U);
}

TEST_F(DeliveryEngineTest, A2_a_second_answer_and_a_late_one_change_nothing) {
    start();
    arrive(0);
    const Lease first = the<action::HandOver>().lease;
    answer(first, Verdict::not_delivered);
    pass(1s);
    step(event::WorkerProbed{true});
    const Lease second = the<action::HandOver>().lease;
    EXPECT_NE(first, second);
    answer(first, Verdict::done);
    EXPECT_EQ(count<action::Settled>(), 0);
    answer(second, Verdict::done);
    EXPECT_EQ(the<action::Settled>().how, How::completed);
    answer(second, Verdict::done);
    answer(Lease{77} << 32 | 99, Verdict::done);
    step(event::Written{0});
    step(event::WriteFailed{99});
    step(event::Committed{9, false});
    EXPECT_EQ(count<action::Settled>(), 0);
}

TEST_F(DeliveryEngineTest, A3_a_blocked_key_is_named_and_blocks_neither_other_keys_nor_other_partitions) {
    config.ordering = jobqueue::Ordering::key;
    config.held_jobs = 5;
    start();
    step(event::Assigned{2, 0, {}});
    arrive(0, 7);
    answer(the<action::HandOver>().lease, Verdict::retry);
    for (Slot slot = 1; slot < 4; ++slot) arrive(slot, 7);
    EXPECT_FALSE(engine->blocked_key());
    arrive(4, 8);
    answer(the<action::HandOver>().lease, Verdict::done);
    EXPECT_GT(engine->room(1), 0U);
    arrive(4, 9);
    EXPECT_EQ(count<action::HandOver>(), 0);  // that offset is finished
    step(event::Arrived{.assignment = 1, .slot = 4, .offset = 5, .key = 7});
    EXPECT_EQ(engine->room(1), 0U);
    EXPECT_GT(engine->room(2), 0U);
    ASSERT_TRUE(engine->blocked_key());
    EXPECT_EQ(engine->blocked_key()->assignment, 1U);
    EXPECT_EQ(engine->blocked_key()->slot, 0U);
    EXPECT_EQ(engine->blocked_key()->waiting, 4U);
}

TEST_F(DeliveryEngineTest, A3_a_key_whose_dead_letter_cannot_be_written_is_named_while_it_is_written_again_too) {
    config.ordering = jobqueue::Ordering::key;
    config.held_jobs = 3;
    start();
    for (Slot slot = 0; slot < 4; ++slot) arrive(slot, 7);
    step(event::Answered{1ULL << 32, {.verdict = Verdict::dead, .cause = {.error_class = "Boom"}}});
    step(event::WriteFailed{0});
    EXPECT_TRUE(engine->blocked_key());
    pass(5s);
    ASSERT_EQ(count<action::WriteDeadLetter>(), 1);
    EXPECT_TRUE(engine->blocked_key());
}

TEST_F(DeliveryEngineTest, A8_a_member_without_a_partition_looks_for_its_worker_too) {
    engine.emplace(config, 1);
    step(event::Tick{});
    EXPECT_EQ(count<action::Probe>(), 1);
}

TEST_F(DeliveryEngineTest, A2_the_record_of_a_job_that_waits_is_detached_once_and_that_of_one_that_does_not_never) {
    config.ordering = jobqueue::Ordering::key;
    start();
    arrive(0, 7);
    EXPECT_EQ(count<action::Detach>(), 0);
    const Lease lease = the<action::HandOver>().lease;
    arrive(1, 7);  // behind it
    EXPECT_EQ(the<action::Detach>().slot, 1U);
    answer(lease, Verdict::retry);
    EXPECT_EQ(the<action::Detach>().slot, 0U);
    pass(1s);
    answer(the<action::HandOver>().lease, Verdict::retry);
    EXPECT_EQ(count<action::Detach>(), 0);
}

TEST_F(DeliveryEngineTest, A3_a_backlog_that_moves_is_no_blocked_key) {
    config.ordering = jobqueue::Ordering::partition;
    config.held_jobs = 3;
    start();
    for (Slot slot = 0; slot < 4; ++slot) arrive(slot);
    EXPECT_EQ(engine->room(1), 0U);
    EXPECT_FALSE(engine->blocked_key());
}

TEST_F(DeliveryEngineTest, A17_an_unfit_record_dies_at_once_and_blocks_nothing) {
    config.ordering = jobqueue::Ordering::partition;
    start();
    event::Arrived unfit{.assignment = 1, .slot = 0, .offset = 0};
    unfit.unfit = std::make_unique<jobqueue::Cause>(jobqueue::Cause{.error_class = "PayloadTooLarge"});
    step(std::move(unfit));
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, "PayloadTooLarge");
    EXPECT_FALSE(the<action::WriteDeadLetter>().tried);
    arrive(1);
    EXPECT_EQ(count<action::HandOver>(), 1);
}

TEST_F(DeliveryEngineTest, A17_what_is_too_large_for_another_step_dies_without_a_try) {
    start();
    step(event::Arrived{.assignment = 1, .slot = 0, .offset = 0, .due_at = now + 1h, .appended_at = now});
    EXPECT_EQ(the<action::WriteRetry>().why, action::WriteRetry::Why::not_due);
    step(event::WriteFailed{0, true});
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, "RetryTooLarge");
    EXPECT_FALSE(the<action::WriteDeadLetter>().tried);
}

TEST_F(DeliveryEngineTest, A4_an_overloaded_app_gets_half_and_step_by_step_all_again) {
    config.concurrency = 8;
    start();
    std::vector<Lease> leases;
    for (Slot slot = 0; slot < 8; ++slot) {
        arrive(slot);
        leases.push_back(the<action::HandOver>().lease);
    }
    now += 1s;
    for (Slot slot = 0; slot < 8; ++slot) {  // one sign of overload, though eight answers tell it
        step(event::Answered{leases[slot],
                             {.verdict = Verdict::retry,
                              .costs_attempt = false,
                              .overloaded = true,
                              .wait = Duration(1h),
                              .cause = {.error_class = "Http429"}}});
    }
    now += 1s;
    leases.clear();
    Slot slot = 8;
    for (; slot < 18; ++slot) {
        arrive(slot);
        for (const Action& action : actions) {
            if (const auto* given = std::get_if<action::HandOver>(&action)) leases.push_back(given->lease);
        }
    }
    EXPECT_EQ(leases.size(), 4U);
    for (int round = 0; round < 60; ++round, ++slot) {
        const Lease lease = leases.front();
        leases.erase(leases.begin());
        answer(lease, Verdict::done);
        const auto more = [&] {
            for (const Action& action : actions) {
                if (const auto* given = std::get_if<action::HandOver>(&action)) leases.push_back(given->lease);
            }
        };
        more();
        arrive(slot);
        more();
    }
    EXPECT_EQ(engine->in_flight(), 8U);
}

}  // namespace
}  // namespace drover::sidecar
