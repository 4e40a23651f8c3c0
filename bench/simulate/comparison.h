// Scalers on the same jobs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/simulate/scalers.h"
#include "bench/simulate/traces.h"
#include "bench/simulate/world.h"

namespace drover::simulate {

struct Outcome {
    double late = 0;  // share of the jobs that waited longer than the target
    double mean_wait = 0, p99_wait = 0, longest_wait = 0;
    double pod_seconds = 0;   // until ten minutes after the trace, so the way back to 0 counts
    double work = 0;          // of these, jobs at work on full pods
    double pods_started = 0;  // each is two rebalances
    int most_replicas = 0, replicas_at_end = 0;
};

struct Contender {
    std::string name;
    std::optional<KedaSettings> keda;  // none: Drover. Its lag threshold comes from the trace:
    // this share of what one pod does within the target wait, concurrency × target wait ÷ mean service time. So KEDA is
    // told beforehand what Drover has to learn.
    double share_of_threshold = 1;
};

// Drover first, then KEDA at its defaults and polling faster; then tuned to Drover's times, and that with half of the
// threshold, which leaves room for what comes late.
std::vector<Contender> contenders();

// Seeds 1 to `rounds`, their waits taken together, their pod-seconds averaged.
Outcome outcome_of(const Contender& contender, const Trace& trace, const Cluster& cluster, int rounds);

}  // namespace drover::simulate
