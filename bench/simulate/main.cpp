// Drover's decide() beside KEDA and the HPA on the same arrivals: who lets jobs wait, and at what cost.
#include <cstdio>

#include "bench/simulate/comparison.h"

int main() {
    using namespace drover::simulate;
    constexpr int rounds = 3;
    int worse = 0;
    for (const double pod_start : {3.0, 15.0}) {
        const Cluster cluster{.pod_start = pod_start};
        std::printf("Pods start in %.0f s, have %d slots, at most %d of them; target wait %.0f s\n\n", pod_start,
                    cluster.concurrency, cluster.max_replicas, cluster.target_wait);
        for (const Trace& trace : traces()) {
            std::printf("%s: %s\n", trace.name.c_str(), trace.what.c_str());
            std::printf("  %-20s %12s %10s %10s %10s %12s\n", "", "late", "mean wait", "p99", "longest", "pod-seconds");
            Outcome ours;
            for (const Contender& contender : contenders()) {
                const Outcome outcome = outcome_of(contender, trace, cluster, rounds);
                std::printf("  %-20s %10.2f %% %8.1f s %8.1f s %8.1f s %12.0f", contender.name.c_str(),
                            outcome.late * 100, outcome.mean_wait, outcome.p99_wait, outcome.longest_wait,
                            outcome.pod_seconds);
                if (contender.name == "Drover") {
                    ours = outcome;
                    std::printf("  work is %.0f\n", outcome.work);
                    continue;
                }
                const bool fewer_late = ours.late <= outcome.late;
                const bool no_dearer = ours.pod_seconds <= outcome.pod_seconds;
                worse += fewer_late && no_dearer ? 0 : 1;
                std::printf("  %s\n", fewer_late && no_dearer ? "Drover is better"
                                      : fewer_late            ? "Drover costs more"
                                      : no_dearer             ? "Drover is later"
                                                              : "Drover is worse");
            }
            std::printf("\n");
        }
    }
    std::printf("Drover is not better in %d comparisons\n", worse);
}
