#include "bench/simulate/comparison.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

namespace drover::simulate {
namespace {

std::unique_ptr<Scaler> scaler_of(const Contender& contender, const Cluster& cluster, double mean_service, int seed) {
    if (!contender.keda) return std::make_unique<Drover>(cluster, seed);
    const double threshold = cluster.concurrency * cluster.target_wait / mean_service * contender.share_of_threshold;
    KedaSettings settings = *contender.keda;
    settings.lag_threshold = std::max<std::int64_t>(std::llround(threshold), 1);
    return std::make_unique<Keda>(cluster, settings, seed);
}

}  // namespace

std::vector<Contender> contenders() {
    const KedaSettings tuned{.polling_interval = 5, .cooldown_period = 60, .scale_in_stabilisation = 60};
    return {{"Drover", std::nullopt},
            {"KEDA", KedaSettings{}},
            {"KEDA, polls at 5 s", KedaSettings{.polling_interval = 5}},
            {"KEDA, tuned", tuned},
            {"KEDA, tuned, half", tuned, 0.5}};
}

Outcome outcome_of(const Contender& contender, const Trace& trace, const Cluster& cluster, int rounds) {
    constexpr double rest = 600;
    Outcome outcome;
    std::vector<double> waits;
    for (int seed = 1; seed <= rounds; ++seed) {
        const std::vector<Job> jobs = jobs_of(trace, cluster.partitions, seed);
        const double service = mean_service(jobs);
        World world(cluster, jobs);
        const std::unique_ptr<Scaler> scaler = scaler_of(contender, cluster, service, seed);
        while (world.now() < trace.duration + rest || !world.all_done()) {
            world.advance();
            scaler->at_tick(world);
            outcome.most_replicas = std::max(outcome.most_replicas, world.replicas());
        }
        waits.insert(waits.end(), world.waits().begin(), world.waits().end());
        outcome.pod_seconds += world.pod_seconds() / rounds;
        outcome.pods_started += static_cast<double>(world.pods_started()) / rounds;
        outcome.work += service * static_cast<double>(jobs.size()) / cluster.concurrency / rounds;
        outcome.replicas_at_end = std::max(outcome.replicas_at_end, world.replicas());
    }
    std::ranges::sort(waits);
    const double count = static_cast<double>(waits.size());
    outcome.late = static_cast<double>(waits.end() - std::ranges::upper_bound(waits, cluster.target_wait)) / count;
    outcome.mean_wait = std::accumulate(waits.begin(), waits.end(), 0.0) / count;
    outcome.p99_wait = waits[static_cast<std::size_t>(count * 0.99)];
    outcome.longest_wait = waits.back();
    return outcome;
}

}  // namespace drover::simulate
