#include "bench/simulate/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace drover::simulate {
namespace {

Contender keda(std::string name, const KedaSettings& settings) {
    return {std::move(name), [settings](const Cluster& cluster, std::int64_t lag_threshold, std::uint64_t seed) {
                KedaSettings own = settings;
                own.lag_threshold = lag_threshold;
                return std::make_unique<Keda>(cluster, own, seed);
            }};
}

}  // namespace

std::vector<Contender> contenders() {
    return {{"Drover", [](const Cluster& cluster, std::int64_t,
                          std::uint64_t seed) { return std::make_unique<Drover>(cluster, seed); }},
            keda("KEDA", {}),
            keda("KEDA, polls at 5 s", {.polling_interval = 5}),
            keda("KEDA, tuned", {.polling_interval = 5, .cooldown_period = 60, .scale_in_stabilisation = 60})};
}

Outcome outcome_of(const Contender& contender, const Trace& trace, const Cluster& cluster, int rounds) {
    constexpr double rest = 600;
    Outcome outcome;
    std::vector<double> waits;
    for (int seed = 1; seed <= rounds; ++seed) {
        const std::vector<Job> jobs = jobs_of(trace, cluster.partitions, seed);
        const double threshold = cluster.concurrency * cluster.target_wait / mean_service(jobs);
        World world(cluster, jobs);
        const auto scaler = contender.make(cluster, std::max(std::llround(threshold), 1LL), seed);
        while (world.now() < trace.duration + rest || !world.all_done()) {
            world.advance();
            scaler->at_tick(world);
            outcome.most_replicas = std::max(outcome.most_replicas, world.replicas());
        }
        waits.insert(waits.end(), world.waits().begin(), world.waits().end());
        outcome.pod_seconds += world.pod_seconds() / rounds;
        outcome.work += mean_service(jobs) * static_cast<double>(jobs.size()) / cluster.concurrency / rounds;
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
