// decide() in a simulated Kafka and cluster (bench/simulate/world.h). Deterministic: the same seeds, the same figures.
#include <gtest/gtest.h>

#include "bench/simulate/comparison.h"

namespace drover::simulate {
namespace {

TEST(ScalingSimulation, B3_no_job_waits_longer_than_the_target_on_any_trace) {
    for (const Trace& trace : traces()) {
        const Outcome outcome = outcome_of(contenders().front(), trace, Cluster{}, 1);
        EXPECT_GT(outcome.work, 0) << trace.name;
        EXPECT_LE(outcome.longest_wait, Cluster{}.target_wait) << trace.name;
        EXPECT_EQ(outcome.replicas_at_end, 0) << trace.name;
    }
}

TEST(ScalingSimulation, B3_a_shorter_target_takes_more_replicas_and_is_kept) {
    const Trace burst{"burst", "", 300, [](double t) { return t < 10 ? 60.0 : 0.0; }, [](double) { return 1.0; }};
    const Outcome patient = outcome_of(contenders().front(), burst, Cluster{.target_wait = 60}, 1);
    const Outcome eager = outcome_of(contenders().front(), burst, Cluster{.target_wait = 10}, 1);
    EXPECT_LE(patient.longest_wait, 60);
    EXPECT_LE(eager.longest_wait, 10);
    EXPECT_GT(eager.most_replicas, patient.most_replicas);
}

}  // namespace
}  // namespace drover::simulate
