#include "operator/core/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::operator_core {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Time start = time_from_millis(1'800'000'000'000);

// A queue that is watched: figures go in with a time, decisions come out, and each becomes the next one's scale.
struct Watched {
    ScalingPolicy policy;
    Observation seen{.replicas = 0,
                     .partitions = 12,
                     .backlog = 0,
                     .end_offsets = 0,
                     .busy = jobqueue::BusyCounters{},
                     .retries_due_soon = 0};
    Memory memory;
    Time now = start;

    Decision decide_after(Duration passed) {
        now += passed;
        Decision decision = decide(policy, seen, memory, now);
        memory = decision.next;
        seen.replicas = decision.replicas;
        return decision;
    }
    Decision decide_now() { return decide_after(0s); }
    // As if the jobs so far had taken this long each.
    void service_time_is(double seconds) {
        memory.service_seconds = seconds;
        memory.service_weight = 1000;
    }
};

TEST(Decide, B2_the_first_job_of_an_idle_queue_starts_a_replica_at_once) {
    Watched queue;
    EXPECT_EQ(queue.decide_now().replicas, 0);
    queue.seen.backlog = 1;
    queue.seen.end_offsets = 1;
    EXPECT_EQ(queue.decide_after(1ms).replicas, 1);
}

TEST(Decide, B2_without_a_service_time_the_target_lag_counts) {
    Watched queue;
    queue.seen.backlog = 401;
    const Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 5);
    EXPECT_EQ(decision.reason, "TargetLag");
    EXPECT_THAT(decision.message, HasSubstr("401 jobs unfinished"));
}

TEST(Decide, B3_with_a_service_time_the_target_wait_counts) {
    Watched queue;
    queue.service_time_is(2.0);
    queue.seen.backlog = 264;  // within a third of 30 s and their own 2 s, 8 at a time: 5.5
    const Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 6);
    EXPECT_EQ(decision.reason, "TargetWait");
    EXPECT_THAT(decision.message, HasSubstr("2 s each"));
    EXPECT_THAT(decision.message, HasSubstr("at most 30 s"));
}

TEST(Decide, B3_a_steady_arrival_rate_needs_workers_though_nothing_waits) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.replicas = 1;
    queue.seen.backlog = 40;  // all in flight
    for (int i = 0; i < 600; ++i) {
        queue.seen.end_offsets = *queue.seen.end_offsets + 20;  // 40 a second: 40 slots
        queue.decide_after(500ms);
    }
    EXPECT_NEAR(queue.memory.arrival_rate, 40, 0.1);
    EXPECT_EQ(queue.seen.replicas, 5);
}

TEST(Decide, B3_one_replica_too_few_for_what_arrives_is_for_the_backlog_to_tell) {
    Watched queue;
    queue.policy.scale_in_window = 0s;
    queue.service_time_is(1.0);
    queue.memory.arrival_rate = 45.5;  // 5.69 replicas
    queue.seen.backlog = 46;
    EXPECT_EQ(queue.decide_now().replicas, 5);
    queue.memory.arrival_rate = 45.7;
    EXPECT_EQ(queue.decide_now().replicas, 6);
    queue.memory.arrival_rate = 45.5;
    queue.seen.backlog = 440;  // what 5 replicas finish in a third of 30 s and 1 s
    EXPECT_EQ(queue.decide_now().replicas, 5);
    queue.seen.backlog = 441;
    EXPECT_EQ(queue.decide_now().replicas, 6);
}

TEST(Decide, B3_long_jobs_in_flight_ask_for_no_second_slot) {
    Watched queue;
    queue.service_time_is(600);
    queue.seen.backlog = 40;
    EXPECT_EQ(queue.decide_now().replicas, 5);
}

TEST(Decide, B3_the_service_time_follows_the_counters_and_stays_when_they_rest) {
    Watched queue;
    queue.seen.busy = jobqueue::BusyCounters{.busy_us = 10'000'000, .completions = 10};
    queue.decide_now();
    EXPECT_DOUBLE_EQ(queue.memory.service_seconds.value(), 1.0);
    queue.seen.busy = jobqueue::BusyCounters{.busy_us = 60'000'000, .completions = 110};  // 0.5 s each since
    queue.decide_after(10s);
    EXPECT_NEAR(queue.memory.service_seconds.value(), 0.5, 0.01);
    queue.decide_after(24h);
    EXPECT_NEAR(queue.memory.service_seconds.value(), 0.5, 0.01);
}

TEST(Decide, B3_counters_that_start_again_are_a_new_base) {
    Watched queue;
    queue.seen.busy = jobqueue::BusyCounters{.busy_us = 10'000'000, .completions = 10};
    queue.decide_now();
    queue.seen.busy = jobqueue::BusyCounters{.busy_us = 100, .completions = 1};
    queue.decide_after(1s);
    EXPECT_DOUBLE_EQ(queue.memory.service_seconds.value(), 1.0);
    queue.seen.busy = jobqueue::BusyCounters{.busy_us = 3'000'100, .completions = 2};
    queue.decide_after(600s);
    EXPECT_NEAR(queue.memory.service_seconds.value(), 3.0, 0.001);
}

TEST(Decide, B3_end_offsets_that_shrink_are_a_new_base) {
    Watched queue;
    queue.seen.end_offsets = 1'000'000;
    queue.decide_now();
    queue.seen.end_offsets = 5;
    queue.decide_after(1s);
    EXPECT_EQ(queue.memory.arrival_rate, 0);
    queue.seen.end_offsets = 15;
    queue.decide_after(1000s);
    EXPECT_NEAR(queue.memory.arrival_rate, 0.01, 1e-6);
}

TEST(Decide, B3_arrivals_between_two_looks_at_the_same_moment_are_not_forgotten) {
    Watched queue;
    queue.decide_now();
    queue.seen.end_offsets = 1000;
    queue.decide_now();
    queue.seen.end_offsets = 1000;
    queue.decide_after(1000s);
    EXPECT_NEAR(queue.memory.arrival_rate, 1, 0.001);
}

TEST(Decide, B2_scales_in_to_the_largest_wish_of_the_window) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.backlog = 750;
    EXPECT_EQ(queue.decide_now().replicas, 9);
    queue.seen.backlog = 400;
    const Decision waits = queue.decide_after(30s);
    EXPECT_EQ(waits.replicas, 9);
    EXPECT_EQ(waits.reason, "ScaleInWaits");
    queue.seen.backlog = 10;
    EXPECT_EQ(queue.decide_after(29s).replicas, 9) << "59 s after 9 were wanted";
    EXPECT_EQ(queue.decide_after(6s + 1us).replicas, 5) << "5 were wanted 35 s ago";
    EXPECT_EQ(queue.decide_after(30s).replicas, 1);
}

TEST(Decide, B2_without_a_window_it_scales_in_at_once) {
    Watched queue;
    queue.policy.scale_in_window = 0s;
    queue.service_time_is(1.0);
    queue.seen.backlog = 750;
    EXPECT_EQ(queue.decide_now().replicas, 9);
    queue.seen.backlog = 10;
    EXPECT_EQ(queue.decide_after(1s).replicas, 1);
}

TEST(Decide, B2_a_forgetful_leader_scales_in_no_sooner) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.replicas = 7;
    queue.seen.backlog = 10;
    EXPECT_EQ(queue.decide_now().replicas, 7);
    EXPECT_EQ(queue.decide_after(59s).replicas, 7);
    EXPECT_EQ(queue.decide_after(6s + 1us).replicas, 1);
}

TEST(Decide, B2_goes_to_zero_when_there_was_nothing_to_do_for_idle_after) {
    Watched queue;
    queue.seen.backlog = 1;
    EXPECT_EQ(queue.decide_now().replicas, 1);
    queue.seen.backlog = 0;
    const Decision soon = queue.decide_after(59s);
    EXPECT_EQ(soon.replicas, 1);
    EXPECT_EQ(soon.reason, "IdleSoon");
    const Decision idle = queue.decide_after(1s);
    EXPECT_EQ(idle.replicas, 0);
    EXPECT_EQ(idle.reason, "Idle");
}

TEST(Decide, B2_a_short_idle_after_wins_over_the_window) {
    Watched queue;
    queue.policy.idle_after = 5s;
    queue.seen.backlog = 1000;
    EXPECT_EQ(queue.decide_now().replicas, 10);
    queue.seen.backlog = 0;
    EXPECT_EQ(queue.decide_after(4s).replicas, 10);
    EXPECT_EQ(queue.decide_after(1s).replicas, 0);
    queue.seen.replicas = 10;  // an observation from before the decision took effect
    EXPECT_EQ(queue.decide_after(1s).replicas, 0);
}

TEST(Decide, B2_jobs_that_come_and_go_between_two_looks_keep_a_replica) {
    Watched queue;
    queue.service_time_is(0.001);
    queue.seen.replicas = 1;
    for (int i = 0; i < 30; ++i) {
        queue.seen.end_offsets = *queue.seen.end_offsets + 1;
        EXPECT_EQ(queue.decide_after(50s).replicas, 1);
    }
}

TEST(Decide, B2_a_job_in_flight_keeps_its_replica) {
    Watched queue;
    queue.seen.replicas = 1;
    queue.seen.in_flight = 1;
    EXPECT_EQ(queue.decide_now().replicas, 1);
    EXPECT_EQ(queue.decide_after(1h).replicas, 1);
}

TEST(Decide, B2_a_retry_that_is_due_soon_keeps_or_starts_a_replica) {
    Watched queue;
    queue.seen.retries_due_soon = 3;
    const Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 1);
    EXPECT_EQ(decision.reason, "RetryDue");
    EXPECT_THAT(decision.message, HasSubstr("3 retry records"));
    EXPECT_EQ(queue.decide_after(1h).replicas, 1);
}

TEST(Decide, B2_partitions_and_max_replicas_are_the_cap) {
    Watched queue;
    queue.seen.backlog = 1'000'000;
    Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 12);
    EXPECT_EQ(decision.reason, "Partitions");
    EXPECT_THAT(decision.message, HasSubstr("12 partitions"));
    queue.policy.max_replicas = 4;
    decision = queue.decide_after(1s);
    EXPECT_EQ(decision.replicas, 4);
    EXPECT_EQ(decision.reason, "MaxReplicas");
}

jobqueue::ScalingSchedule schedule(std::string_view from, std::string_view to, int replicas, std::string_view zone) {
    return {*cron::Expression::parse(from), *cron::Expression::parse(to), *cron::Zone::load(zone), replicas};
}

// `start` is Friday, 15 January 2027, 08:00 UTC, which is 09:00 in Berlin.
TEST(Decide, B10_a_schedule_raises_the_minimum_from_its_start_to_its_end) {
    Watched queue;
    queue.policy.schedules = {schedule("30 9 * * mon-fri", "0 10 * * mon-fri", 3, "Europe/Berlin")};
    EXPECT_EQ(queue.decide_now().replicas, 0);
    EXPECT_EQ(next_scheduled_change(queue.policy, queue.now), start + 30min);
    EXPECT_EQ(queue.decide_after(30min - 1ms).replicas, 0);
    const Decision open = queue.decide_after(1ms);
    EXPECT_EQ(open.replicas, 3);
    EXPECT_EQ(open.reason, "Schedule");
    EXPECT_THAT(open.message, HasSubstr("'30 9 * * mon-fri' asks for 3 until 2027-01-15T09:00:00"));
    EXPECT_EQ(next_scheduled_change(queue.policy, queue.now), start + 60min);
    EXPECT_EQ(queue.decide_after(30min - 1ms).replicas, 3);
    EXPECT_EQ(queue.decide_after(1ms).replicas, 0);
    EXPECT_EQ(queue.decide_after(24h - 20min).replicas, 0) << "Saturday";
}

TEST(Decide, B10_of_several_open_schedules_the_largest_counts_and_never_lowers_the_minimum) {
    Watched queue;
    queue.policy.min_replicas = 2;
    queue.policy.schedules = {schedule("0 8 * * *", "0 9 * * *", 1, "UTC")};
    EXPECT_EQ(queue.decide_now().reason, "MinReplicas");
    EXPECT_EQ(queue.seen.replicas, 2);
    queue.policy.schedules.push_back(schedule("0 7 * * *", "0 9 * * *", 5, "UTC"));
    queue.policy.schedules.push_back(schedule("0 8 * * *", "0 9 * * *", 4, "UTC"));
    EXPECT_EQ(queue.decide_now().replicas, 5);
    EXPECT_FALSE(next_scheduled_change(ScalingPolicy{}, start));
}

TEST(Decide, B10_a_schedule_holds_where_no_figure_is_known_and_leaves_a_larger_wish_alone) {
    Watched queue;
    queue.policy.schedules = {schedule("0 8 * * *", "0 9 * * *", 2, "UTC")};
    queue.seen.backlog.reset();
    EXPECT_EQ(queue.decide_now().replicas, 2);
    queue.seen.backlog = 401;
    const Decision busy = queue.decide_now();
    EXPECT_EQ(busy.replicas, 5);
    EXPECT_EQ(busy.reason, "TargetLag");
}

TEST(Decide, B2_the_minimum_holds_without_any_job_and_over_the_cap) {
    Watched queue;
    queue.policy.min_replicas = 15;
    const Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 15);
    EXPECT_EQ(decision.reason, "MinReplicas");
}

TEST(Decide, B3_no_more_replicas_than_the_rate_limit_feeds) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.policy.rate_limit = jobqueue::Rate{.max = 16, .per = 1s};
    queue.seen.backlog = 100'000;
    const Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 3);  // 16 a second keep 2 replicas of 8 slots busy, and a twentieth
    EXPECT_EQ(decision.reason, "RateLimit");
}

TEST(Decide, B6_a_backlog_that_cannot_be_read_holds) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.backlog = 750;
    EXPECT_EQ(queue.decide_now().replicas, 9);
    queue.seen.backlog.reset();
    queue.seen.end_offsets.reset();
    queue.seen.busy.reset();
    queue.seen.retries_due_soon.reset();
    const Decision decision = queue.decide_after(24h);
    EXPECT_EQ(decision.replicas, 9);
    EXPECT_EQ(decision.reason, "FiguresUnknown");
}

TEST(Decide, B6_after_an_outage_the_window_and_idle_after_begin_anew) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.backlog = 750;
    queue.decide_now();
    queue.seen.backlog.reset();
    queue.decide_after(1h);
    queue.seen.backlog = 0;
    EXPECT_EQ(queue.decide_after(1s).replicas, 9);
    EXPECT_EQ(queue.decide_after(58s).replicas, 9);
    EXPECT_EQ(queue.decide_after(1s).replicas, 0);
}

TEST(Decide, B6_a_topic_that_cannot_be_seen_holds) {
    Watched queue;
    queue.seen.replicas = 3;
    queue.seen.partitions.reset();
    EXPECT_EQ(queue.decide_after(24h).replicas, 3);
    queue.seen.partitions = 0;
    EXPECT_EQ(queue.decide_after(24h).replicas, 3);
}

TEST(Decide, B6_part_of_the_figures_may_scale_out_but_never_in) {
    for (int part = 0; part < 3; ++part) {
        Watched queue;
        queue.seen.replicas = 3;
        if (part == 0) queue.seen.end_offsets.reset();
        if (part == 1) queue.seen.busy.reset();
        if (part == 2) queue.seen.retries_due_soon.reset();
        queue.seen.backlog = 0;
        queue.decide_now();
        const Decision held = queue.decide_after(24h);
        EXPECT_EQ(held.replicas, 3) << part;
        EXPECT_EQ(held.reason, "FiguresUnknown") << part;
        queue.seen.backlog = 501;
        EXPECT_EQ(queue.decide_after(1s).replicas, 6) << part;
    }
}

TEST(Decide, B2_a_paused_queue_holds_and_resumes_with_a_full_window) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.replicas = 5;
    queue.seen.paused = true;
    queue.seen.backlog = 1'000'000;
    Decision decision = queue.decide_now();
    EXPECT_EQ(decision.replicas, 5);
    EXPECT_EQ(decision.reason, "Paused");
    queue.decide_after(1h);
    queue.seen.paused = false;
    queue.seen.backlog = 1;
    EXPECT_EQ(queue.decide_after(1s).replicas, 5);
    EXPECT_EQ(queue.decide_after(66s).replicas, 1);
}

TEST(Decide, B2_a_clock_set_back_scales_in_no_sooner_and_not_never) {
    Watched queue;
    queue.service_time_is(1.0);
    queue.seen.backlog = 750;
    queue.decide_now();
    queue.seen.backlog = 1;
    EXPECT_EQ(queue.decide_after(-1h).replicas, 9);
    EXPECT_EQ(queue.decide_after(66s).replicas, 1);
}

TEST(Decide, B3_a_memory_that_somebody_damaged_is_taken_as_far_as_it_goes) {
    Watched queue;
    queue.memory.arrival_rate = -std::numeric_limits<double>::infinity();
    queue.memory.service_seconds = std::numeric_limits<double>::quiet_NaN();
    queue.memory.service_weight = std::numeric_limits<double>::quiet_NaN();
    queue.memory.end_offsets = std::numeric_limits<std::int64_t>::min();
    queue.memory.busy =
        jobqueue::BusyCounters{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::min()};
    queue.memory.wishes.assign(1000, Memory::Wish{start, std::numeric_limits<int>::max()});
    const Decision decision = queue.decide_after(1s);
    EXPECT_LE(decision.replicas, 12);
    EXPECT_LE(decision.next.wishes.size(), 14U);
}

TEST(Decide, B2_the_policy_is_the_queues) {
    jobqueue::JobQueue queue;
    queue.scaling = {.min_replicas = 1, .max_replicas = 9, .target_wait = 7s, .target_lag = 11, .idle_after = 13s};
    queue.delivery.concurrency = 3;
    queue.delivery.rate_limit = jobqueue::Rate{.max = 5, .per = 2s};
    const ScalingPolicy expected{.min_replicas = 1,
                                 .max_replicas = 9,
                                 .target_wait = 7s,
                                 .target_lag = 11,
                                 .idle_after = 13s,
                                 .scale_in_window = 60s,
                                 .concurrency = 3,
                                 .rate_limit = jobqueue::Rate{.max = 5, .per = 2s}};
    EXPECT_EQ(scaling_policy_of(queue), expected);
}

}  // namespace
}  // namespace drover::operator_core
