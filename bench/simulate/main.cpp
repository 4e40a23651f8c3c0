// Drover's decide() beside KEDA and the HPA on the same arrivals: who lets jobs wait, and at what cost.
#include <cstdio>

#include "bench/simulate/comparison.h"

int main() {
    using namespace drover::simulate;
    constexpr int rounds = 3;
    int compared = 0, better = 0;
    for (const double pod_start : {3.0, 15.0}) {
        const Cluster cluster{.pod_start = pod_start};
        std::printf("Pods start in %.0f s and have %d slots, %d pods at most, target wait %.0f s\n\n", pod_start,
                    cluster.concurrency, cluster.max_replicas, cluster.target_wait);
        for (const Trace& trace : traces()) {
            std::printf("%s: %s\n", trace.name.c_str(), trace.what.c_str());
            Outcome ours;
            for (const Contender& contender : contenders()) {
                const Outcome outcome = outcome_of(contender, trace, cluster, rounds);
                if (!contender.keda) {
                    ours = outcome;
                    std::printf("  %-20s %9s %11s %8s %12s %12s   (all work on full pods: %.0f)\n", "", "late",
                                "mean wait", "p99", "pods started", "pod-seconds", outcome.work);
                }
                std::printf("  %-20s %7.3f %% %9.1f s %6.1f s %12.0f %12.0f", contender.name.c_str(),
                            outcome.late * 100, outcome.mean_wait, outcome.p99_wait, outcome.pods_started,
                            outcome.pod_seconds);
                if (contender.keda) {
                    const bool later = ours.late > outcome.late, dearer = ours.pod_seconds > outcome.pod_seconds;
                    ++compared;
                    better += later || dearer ? 0 : 1;
                    std::printf("   Drover is %s", later && dearer ? "worse"
                                                   : later         ? "later"
                                                   : dearer        ? "dearer"
                                                                   : "better");
                }
                std::printf("\n");
            }
            std::printf("\n");
        }
    }
    std::printf("Drover is better (no more late jobs at no more pod-seconds) in %d of %d comparisons\n", better,
                compared);
}
