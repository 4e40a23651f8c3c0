// decide() in a simulated Kafka and cluster (bench/simulate/world.h). Deterministic: the same seeds, the same figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/simulate/comparison.h"

namespace drover::simulate {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ScalingSimulation, B3_no_job_waits_longer_than_the_target_on_any_trace) {
    for (const Trace& trace : traces()) {
        const Outcome outcome = outcome_of({"Drover"}, trace, Cluster{}, 1);
        EXPECT_GT(outcome.work, 0) << trace.name;
        EXPECT_LE(outcome.longest_wait, Cluster{}.target_wait) << trace.name;
        EXPECT_EQ(outcome.replicas_at_end, 0) << trace.name;
    }
}

TEST(ScalingSimulation, B3_fewer_jobs_are_late_than_with_keda_and_its_hpa_and_no_more_pods_are_paid_for) {
    for (const double pod_start : {3.0, 15.0}) {
        const Cluster cluster{.pod_start = pod_start};
        for (const Trace& trace : traces()) {
            const Outcome ours = outcome_of({"Drover"}, trace, cluster, 1);
            // Which jobs take 20 s is known to a new queue only when the first has been done, 35 s after it came.
            const double unknown = trace.name == "long jobs" ? 0.001 : 0;
            for (const double polling_interval : {30.0, 5.0}) {
                const Contender keda{"KEDA", KedaSettings{.polling_interval = polling_interval}};
                const Outcome theirs = outcome_of(keda, trace, cluster, 1);
                EXPECT_LE(ours.late, theirs.late + unknown) << trace.name << ", pods start in " << pod_start;
                EXPECT_LE(ours.pod_seconds, theirs.pod_seconds) << trace.name << ", pods start in " << pod_start;
            }
        }
    }
}

// What a real KEDA 2.21 did on a real Kubernetes, polling every second: 1 replica at once, then 4, 8 and 12, each with
// the HPA's next sync.
TEST(ScalingSimulation, B3_the_model_of_keda_scales_out_as_the_real_one_does) {
    const Cluster cluster{.partitions = 12, .max_replicas = 12, .pod_start = 3600};
    std::vector<Job> jobs;
    for (int i = 0; i < 5000; ++i) jobs.push_back({.arrives = 1, .service = 1, .partition = i % 12});
    World world(cluster, jobs);
    Keda keda(cluster, {.polling_interval = 1, .lag_threshold = 100}, 1);
    std::vector<std::pair<double, int>> steps;
    while (world.now() < 60) {
        world.advance();
        keda.at_tick(world);
        if (world.replicas() != (steps.empty() ? 0 : steps.back().second)) {
            steps.emplace_back(world.now() - 1, world.replicas());
        }
    }
    ASSERT_THAT(steps, ElementsAre(Pair(_, 1), Pair(_, 4), Pair(_, 8), Pair(_, 12)));
    EXPECT_LE(steps[0].first, 1.2);
    EXPECT_LE(steps[1].first, 16.4);
    EXPECT_NEAR(steps[2].first - steps[1].first, 15, 0.1);
    EXPECT_NEAR(steps[3].first - steps[2].first, 15, 0.1);
}

TEST(ScalingSimulation, B3_a_shorter_target_takes_more_replicas_and_is_kept) {
    const Trace burst{"burst", "", 300, [](double t) { return t < 10 ? 60.0 : 0.0; }, [](double) { return 1.0; }};
    const Outcome patient = outcome_of({"Drover"}, burst, Cluster{.target_wait = 60}, 1);
    const Outcome eager = outcome_of({"Drover"}, burst, Cluster{.target_wait = 10}, 1);
    EXPECT_LE(patient.longest_wait, 60);
    EXPECT_LE(eager.longest_wait, 10);
    EXPECT_GT(eager.most_replicas, patient.most_replicas);
}

}  // namespace
}  // namespace drover::simulate
