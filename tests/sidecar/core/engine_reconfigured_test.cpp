// The queue's configuration changes while jobs are in flight and others wait.
#include "tests/sidecar/core/engine_fixture.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using How = action::Settled::How;
using Verdict = Outcome::Verdict;
using jobqueue::Rate;

class EngineReconfigured : public EngineFixture {
protected:
    // To what `config` says now.
    void reconfigure() {
        step(event::Reconfigured{.retry = config.retry,
                                 .concurrency = config.concurrency,
                                 .batch_max_size = config.batch_max_size,
                                 .batch_max_wait = config.batch_max_wait,
                                 .rate_limit = config.rate_limit,
                                 .key_rate_limit = config.key_rate_limit,
                                 .timeout = config.timeout});
    }
    // What the last step handed over.
    std::vector<Slot> handed_over() const {
        std::vector<Slot> slots;
        for (const auto& given : all<action::HandOver>()) slots.push_back(given.slot);
        return slots;
    }
};

TEST_F(EngineReconfigured, B12_with_more_concurrency_waiting_jobs_go_at_once) {
    start();
    for (Slot slot = 0; slot < 6; ++slot) arrive(slot);
    EXPECT_EQ(engine->in_flight(), 2U);
    config.concurrency = 5;
    reconfigure();
    EXPECT_EQ(handed_over(), (std::vector<Slot>{2, 3, 4}));
}

TEST_F(EngineReconfigured, B12_with_less_concurrency_nothing_is_aborted_and_nothing_goes_until_there_are_fewer) {
    config.concurrency = 4;
    start();
    std::vector<Lease> leases;
    for (Slot slot = 0; slot < 6; ++slot) {
        arrive(slot);
        for (const auto& given : all<action::HandOver>()) leases.push_back(given.lease);
    }
    ASSERT_EQ(leases.size(), 4U);
    config.concurrency = 2;
    reconfigure();
    EXPECT_TRUE(actions.empty());
    for (const std::size_t i : {0, 1}) {
        answer(leases[i], Verdict::done);
        EXPECT_EQ(count<action::HandOver>(), 0) << "with " << engine->in_flight() << " in flight";
    }
    answer(leases[2], Verdict::done);
    EXPECT_EQ(handed_over(), std::vector<Slot>{4});
    EXPECT_EQ(engine->in_flight(), 2U);
}

TEST_F(EngineReconfigured, B12_an_overloaded_app_gets_no_more_for_a_change) {
    config.concurrency = 8;
    start();
    for (Slot slot = 0; slot < 12; ++slot) arrive(slot);
    EXPECT_EQ(engine->in_flight(), 8U);
    const Lease first = static_cast<Lease>(1) << 32;  // of slot 0
    step(event::Answered{first, {.verdict = Verdict::retry, .costs_attempt = false, .overloaded = true, .wait = 1h}});
    EXPECT_EQ(count<action::HandOver>(), 0) << "it gets four";
    config.concurrency = 16;
    reconfigure();
    EXPECT_EQ(count<action::HandOver>(), 0);
    EXPECT_EQ(engine->in_flight(), 7U);
}

TEST_F(EngineReconfigured, B12_a_failure_counts_by_the_policy_of_its_time_and_a_job_s_own_number_stays) {
    start();
    arrive(0);
    const Lease running = the<action::HandOver>().lease;
    step(event::Arrived{.assignment = 1, .slot = 1, .offset = 1, .max_attempts = 2, .appended_at = now});
    const Lease of_its_own = the<action::HandOver>().lease;
    config.retry = {.max_attempts = 1};
    reconfigure();
    answer(running, Verdict::retry);
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, "Boom");
    answer(of_its_own, Verdict::retry);
    EXPECT_EQ(the<action::WriteRetry>().attempts_made, 1);
}

TEST_F(EngineReconfigured, B12_delays_of_another_policy_go_to_the_steps_that_there_are) {
    config.retry_steps = {1s, 10s};
    start();
    arrive(0);
    const Lease lease = the<action::HandOver>().lease;
    config.retry = {.max_attempts = 5, .backoff = jobqueue::Backoff::fixed, .initial = 1min, .jitter = 0};
    reconfigure();
    answer(lease, Verdict::retry);
    EXPECT_EQ(the<action::WriteRetry>().step, 1U) << "the longest, and again from there";
    EXPECT_EQ(the<action::WriteRetry>().due_at, now + 1min);
}

TEST_F(EngineReconfigured, B12_what_waits_in_its_place_waits_as_long_as_it_was_told) {
    config.retry_steps.clear();
    start();
    arrive(0);
    answer(the<action::HandOver>().lease, Verdict::retry);
    config.retry.initial = 1h;
    reconfigure();
    pass(1s);
    EXPECT_EQ(the<action::HandOver>().attempt, 2);
}

TEST_F(EngineReconfigured, B12_a_job_that_has_had_all_its_attempts_is_not_tried_again) {
    config.retry_steps.clear();
    start();
    arrive(0);
    answer(the<action::HandOver>().lease, Verdict::retry);
    step(event::Paused{true});
    pass(1s);  // ready again
    config.retry.max_attempts = 1;
    reconfigure();
    step(event::Paused{false});
    EXPECT_EQ(count<action::HandOver>(), 0);
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, "AttemptsExhausted");
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.message, "1 of 1 attempts were made before");
    EXPECT_FALSE(the<action::WriteDeadLetter>().tried);
}

TEST_F(EngineReconfigured, A3_B12_the_next_of_its_key_waits_until_its_dead_letter_is_written) {
    config.ordering = jobqueue::Ordering::key;
    start();
    step(event::Arrived{.assignment = 1, .slot = 0, .offset = 0, .key = 7, .attempts_made = 3, .appended_at = now});
    EXPECT_EQ(the<action::WriteDeadLetter>().cause.error_class, "AttemptsExhausted");
    arrive(1, 7);
    EXPECT_EQ(count<action::HandOver>(), 0);
    step(event::Written{0});
    EXPECT_EQ(handed_over(), std::vector<Slot>{1});
}

TEST_F(EngineReconfigured, B12_a_timeout_counts_for_hand_overs_from_then_on_and_is_the_longest_that_a_job_may_ask_for) {
    config.timeout = 30s;
    start();
    arrive(0);
    const Lease before = the<action::HandOver>().lease;
    config.timeout = 2s;
    reconfigure();
    step(event::Arrived{.assignment = 1, .slot = 1, .offset = 1, .timeout = 20s, .appended_at = now});
    const Lease after = the<action::HandOver>().lease;
    pass(2s);
    EXPECT_EQ(the<action::Abort>().lease, after);
    pass(28s);
    EXPECT_EQ(the<action::Abort>().lease, before);
}

TEST_F(EngineReconfigured, B12_a_batch_is_sent_when_it_is_full_by_the_new_size) {
    config.batch_max_size = 10;
    config.batch_max_wait = 1h;
    start();
    for (Slot slot = 0; slot < 3; ++slot) arrive(slot);
    EXPECT_EQ(count<action::HandOver>(), 0);
    config.batch_max_size = 3;
    reconfigure();
    EXPECT_EQ(count<action::HandOver>(), 3);
    arrive(3);
    EXPECT_EQ(count<action::HandOver>(), 0);
    config.batch_max_wait = 0s;
    reconfigure();
    EXPECT_EQ(handed_over(), std::vector<Slot>{3});
}

TEST_F(EngineReconfigured, B12_a_queue_s_rate_comes_changes_and_goes) {
    config.concurrency = 100;
    start();
    config.rate_limit = Rate{1, 1h};
    reconfigure();
    for (Slot slot = 0; slot < 9; ++slot) arrive(slot);
    EXPECT_EQ(engine->in_flight(), 0U) << "a bucket that is new is empty";
    pass(1min);
    EXPECT_EQ(engine->in_flight(), 0U);
    config.rate_limit = Rate{1, 10s};
    reconfigure();
    EXPECT_EQ(engine->in_flight(), 0U);
    pass(10s);
    EXPECT_EQ(engine->in_flight(), 1U) << "no later than the new rate has it";
    config.rate_limit.reset();
    reconfigure();
    EXPECT_EQ(engine->in_flight(), 9U);
    EXPECT_FALSE(engine->next_wakeup() && *engine->next_wakeup() <= now);
}

TEST_F(EngineReconfigured, B12_jobs_that_wait_for_their_key_s_limit_wait_for_the_new_one) {
    config.concurrency = 100;
    config.key_rate_limit = Rate{1, 24h};
    start();
    for (Slot slot = 0; slot < 4; ++slot) arrive(slot, 7);
    EXPECT_EQ(engine->in_flight(), 1U);
    pass(1min);
    config.key_rate_limit = Rate{1, 90s};
    reconfigure();
    EXPECT_EQ(engine->in_flight(), 1U) << "the place that the first one had counts for the new limit";
    pass(30s);
    EXPECT_EQ(handed_over(), std::vector<Slot>{1});
    config.key_rate_limit = Rate{2, 90s};
    reconfigure();
    EXPECT_EQ(handed_over(), std::vector<Slot>{2});
    config.key_rate_limit.reset();
    reconfigure();
    EXPECT_EQ(handed_over(), std::vector<Slot>{3});
    config.key_rate_limit = Rate{1, 1min};
    reconfigure();
    arrive(4, 7);
    arrive(5, 7);
    EXPECT_EQ(engine->in_flight(), 5U) << "what went without a limit is forgotten";
}

TEST_F(EngineReconfigured, B12_a_limit_that_stays_is_not_counted_anew) {
    config.key_rate_limit = Rate{1, 1h};
    config.rate_limit = Rate{1, 1h};
    config.concurrency = 100;
    start();
    pass(1h);
    arrive(0, 7);
    EXPECT_EQ(engine->in_flight(), 1U);
    for (int i = 0; i < 5; ++i) reconfigure();
    arrive(1, 7);
    arrive(2, 8);
    EXPECT_EQ(engine->in_flight(), 1U);
}

TEST_F(EngineReconfigured, B12_a_change_while_draining_or_paused_hands_nothing_over) {
    start();
    for (Slot slot = 0; slot < 4; ++slot) arrive(slot);
    step(event::Paused{true});
    config.concurrency = 10;
    reconfigure();
    EXPECT_EQ(count<action::HandOver>(), 0);
    step(event::Drain{});
    reconfigure();
    EXPECT_EQ(count<action::HandOver>(), 0);
}

}  // namespace
}  // namespace drover::sidecar
