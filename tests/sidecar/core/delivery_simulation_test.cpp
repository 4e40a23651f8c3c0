// Whole lives of queues, invented by RapidCheck. A failure prints its scenario and the last of what happened.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/sidecar/core/delivery_world.h"

namespace drover::sidecar {
namespace {

using jobqueue::Ordering;

constexpr int worlds_per_case = 4;

rc::Gen<Scenario> scenarios(Ordering ordering, bool violent) {
    return rc::gen::build<Scenario>(rc::gen::set(&Scenario::ordering, rc::gen::just(ordering)),
                                    rc::gen::set(&Scenario::violent, rc::gen::just(violent)),
                                    rc::gen::set(&Scenario::seed, rc::gen::inRange(0U, 1'000'000'000U)),
                                    rc::gen::set(&Scenario::jobs, rc::gen::inRange(0, 30)),
                                    rc::gen::set(&Scenario::partitions, rc::gen::inRange(1, 4)),
                                    rc::gen::set(&Scenario::members, rc::gen::inRange(1, 4)),
                                    rc::gen::set(&Scenario::keys, rc::gen::inRange(1, 5)),
                                    rc::gen::set(&Scenario::concurrency, rc::gen::inRange(1, 6)),
                                    rc::gen::set(&Scenario::max_attempts, rc::gen::inRange(1, 5)),
                                    rc::gen::set(&Scenario::steps, rc::gen::inRange(0, 4)),
                                    rc::gen::set(&Scenario::held_jobs, rc::gen::element(1, 3, 8, 100)),
                                    rc::gen::set(&Scenario::disturbances, rc::gen::inRange(0, 12)),
                                    rc::gen::set(&Scenario::trouble, rc::gen::element(0, 20, 50, 90)),
                                    rc::gen::set(&Scenario::write_trouble, rc::gen::element(0, 20, 70)),
                                    rc::gen::set(&Scenario::commit_trouble, rc::gen::element(0, 20, 70)),
                                    rc::gen::set(&Scenario::lanes, rc::gen::element(1, 1, 2, 3)),
                                    rc::gen::set(&Scenario::batch, rc::gen::element(1, 1, 2, 4)),
                                    rc::gen::set(&Scenario::batch_wait, rc::gen::element(0, 50, 1500)),
                                    rc::gen::set(&Scenario::pulled, rc::gen::element(false, false, true)),
                                    rc::gen::set(&Scenario::events, rc::gen::arbitrary<bool>()),
                                    rc::gen::set(&Scenario::leased, rc::gen::element(0, 30, 80)),
                                    rc::gen::set(&Scenario::cancels, rc::gen::element(0, 10, 50)),
                                    rc::gen::set(&Scenario::duplicates, rc::gen::element(0, 10, 50)),
                                    rc::gen::set(&Scenario::changes, rc::gen::element(0, 0, 1, 10)));
}

void keeps_every_promise(const Scenario& scenario) {
    for (unsigned i = 0; i < worlds_per_case; ++i) {
        Scenario variant = scenario;
        variant.seed += i;
        DeliveryWorld world(variant);
        const std::string broken = world.run();
        if (!broken.empty()) {
            RC_LOG() << variant << "\n" << world.trace();
            RC_FAIL(broken);
        }
    }
}

// The group only moves partitions, members only drain: nothing is lost, repeated, reordered, early or miscounted.
RC_GTEST_PROP(GracefulWorlds, A2_A4_A5_A6_A7_A8_A15_without_order_every_job_ends_once, ()) {
    keeps_every_promise(*scenarios(Ordering::none, false));
}
RC_GTEST_PROP(GracefulWorlds, A2_A3_A4_A5_A6_A7_A8_A15_in_the_order_of_keys_every_job_ends_once, ()) {
    keeps_every_promise(*scenarios(Ordering::key, false));
}
RC_GTEST_PROP(GracefulWorlds, A2_A3_A4_A5_A6_A7_A8_A15_in_the_order_of_partitions_every_job_ends_once, ()) {
    keeps_every_promise(*scenarios(Ordering::partition, false));
}

// Members are killed, partitions lost: jobs may be repeated, but none is lost, reordered or committed too far.
RC_GTEST_PROP(ViolentWorlds, A2_A6_A7_A17_without_order_no_job_is_lost, ()) {
    keeps_every_promise(*scenarios(Ordering::none, true));
}
RC_GTEST_PROP(ViolentWorlds, A2_A3_A6_A7_A17_in_the_order_of_keys_no_job_is_lost_or_overtaken, ()) {
    keeps_every_promise(*scenarios(Ordering::key, true));
}
RC_GTEST_PROP(ViolentWorlds, A2_A3_A6_A7_A17_in_the_order_of_partitions_no_job_is_lost_or_overtaken, ()) {
    keeps_every_promise(*scenarios(Ordering::partition, true));
}

// A simulation in which nothing happens proves nothing.
TEST(Worlds, have_everything_happen_in_them) {
    int repeated = 0;
    for (const Ordering ordering : {Ordering::none, Ordering::key, Ordering::partition}) {
        DeliveryWorld::Counts sum;
        for (unsigned seed = 0; seed < 60; ++seed) {
            DeliveryWorld world({.ordering = ordering,
                                 .seed = seed,
                                 .jobs = 20,
                                 .partitions = 2,
                                 .members = 2,
                                 .disturbances = 8,
                                 .trouble = 50,
                                 .violent = seed % 2 == 0});
            EXPECT_EQ(world.run(), "") << world.trace();
            sum += world.counts();
        }
        EXPECT_GT(sum.completed, 100);
        EXPECT_GT(sum.dead_letters, 30);
        EXPECT_GT(sum.timeouts, 30);
        EXPECT_GT(sum.refused, 30);
        EXPECT_GT(sum.throttled, 30);
        EXPECT_GT(sum.deadlines, 5);
        EXPECT_GT(sum.released, 30);
        EXPECT_GT(sum.drained, 10);
        EXPECT_GT(sum.lost, 10);
        EXPECT_GT(sum.killed, 10);
        EXPECT_GT(sum.write_failures, 30);
        EXPECT_GT(sum.dropped, 30);
        if (ordering == Ordering::none) {
            EXPECT_GT(sum.retried, 100);
            EXPECT_GT(sum.hops, 5);
        }
        repeated += sum.repeated;
    }
    EXPECT_GT(repeated, 0);
}

TEST(Worlds, A8_A10_A11_A14_A16_have_every_kind_of_hand_over_in_them) {
    DeliveryWorld::Counts sum;
    for (unsigned seed = 0; seed < 120; ++seed) {
        DeliveryWorld world({.ordering = seed % 4 == 3 ? Ordering::key : Ordering::none,
                             .seed = seed,
                             .jobs = 20,
                             .partitions = 2,
                             .members = 2,
                             .disturbances = 8,
                             .trouble = 40,
                             .violent = seed % 5 == 0,
                             .lanes = 1 + static_cast<int>(seed % 2),
                             .batch = seed % 3 == 1 ? 3 : 1,
                             .batch_wait = 300,
                             .pulled = seed % 3 == 2,
                             .events = seed % 7 < 4,
                             .leased = 60,
                             .cancels = 30,
                             .duplicates = 30});
        EXPECT_EQ(world.run(), "") << world.trace();
        sum += world.counts();
    }
    EXPECT_GT(sum.accepted, 50);
    EXPECT_GT(sum.renewed, 50);
    EXPECT_GT(sum.late, 20);
    EXPECT_GT(sum.handed_on, 3);
    EXPECT_GT(sum.cancelled, 100);
    EXPECT_GT(sum.cancelled_running, 10);
    EXPECT_GT(sum.batches, 20);
    EXPECT_GT(sum.half_batches, 20);
    EXPECT_GT(sum.duplicates, 50);
    EXPECT_GT(sum.events, 200);
}

TEST(Worlds, B12_have_configurations_that_change_in_them) {
    DeliveryWorld::Counts sum;
    for (unsigned seed = 0; seed < 60; ++seed) {
        DeliveryWorld world({.ordering = seed % 3 == 2 ? Ordering::key : Ordering::none,
                             .seed = seed,
                             .jobs = 30,
                             .partitions = 2,
                             .members = 2,
                             .concurrency = 5,
                             .disturbances = 4,
                             .trouble = 50,
                             .violent = seed % 5 == 0,
                             .batch = seed % 4 == 1 ? 3 : 1,
                             .batch_wait = 300,
                             .pulled = seed % 4 == 2,
                             .leased = 30,
                             .changes = 10});
        EXPECT_EQ(world.run(), "") << world.trace();
        sum += world.counts();
    }
    EXPECT_GT(sum.reconfigured, 500);
    EXPECT_GT(sum.crowded, 20);
    EXPECT_GT(sum.exhausted, 20);
    EXPECT_GT(sum.timeouts, 30);
}

// With more than can be done, the lower lanes wait, but not for ever.
TEST(Worlds, A12_have_lanes_that_age_in_them) {
    DeliveryWorld::Counts sum;
    for (unsigned seed = 0; seed < 10; ++seed) {
        DeliveryWorld world(
            {.seed = seed, .jobs = 250, .concurrency = 1, .held_jobs = 100, .trouble = 5, .lanes = 3, .cancels = 10});
        EXPECT_EQ(world.run(), "") << world.trace();
        sum += world.counts();
    }
    EXPECT_GT(sum.out_of_lane, 50);
}

}  // namespace
}  // namespace drover::sidecar
