// Scalers on the same jobs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/simulate/scalers.h"
#include "bench/simulate/traces.h"
#include "bench/simulate/world.h"

namespace drover::simulate {

struct Outcome {
    double late = 0;  // share of the jobs that waited longer than the target
    double mean_wait = 0, p99_wait = 0, longest_wait = 0;
    double pod_seconds = 0;  // until ten minutes after the trace, so the way back to 0 counts
    double work = 0;         // of these, jobs at work on full pods
    int most_replicas = 0, replicas_at_end = 0;
};

struct Contender {
    std::string name;
    // `lag_threshold`: what one pod does within the target wait, concurrency × target wait ÷ mean service time. So KEDA
    // is told beforehand what Drover has to learn.
    std::function<std::unique_ptr<Scaler>(const Cluster& cluster, std::int64_t lag_threshold, std::uint64_t seed)> make;
};

// Drover first, then KEDA at its defaults, polling faster, and tuned to Drover's times.
std::vector<Contender> contenders();

// Seeds 1 to `rounds`, their waits taken together, their pod-seconds averaged.
Outcome outcome_of(const Contender& contender, const Trace& trace, const Cluster& cluster, int rounds);

}  // namespace drover::simulate
