#include "bench/simulate/scalers.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace drover::simulate {
namespace {

using jobqueue::BusyCounters;

constexpr double look_interval = 0.5;

Duration duration_of(double seconds) { return std::chrono::microseconds(std::llround(seconds * 1e6)); }

operator_core::ScalingPolicy policy_of(const Cluster& cluster) {
    return {.min_replicas = 0,
            .max_replicas = cluster.max_replicas,
            .target_wait = duration_of(cluster.target_wait),
            .concurrency = cluster.concurrency};
}

}  // namespace

Look::Look(double begins, int partitions, Random& random) : ends_(partitions) {
    for (double& at : ends_at_) at = begins + random.uniform(0.005, 0.06);
    commits_at_ = begins + random.uniform(0.06, 0.1);
    answered_at_ = begins + random.uniform(0.1, 0.15);
}

bool Look::proceed(const World& world) {
    const int partitions = static_cast<int>(ends_.size());
    for (int i = 0; i < partitions; ++i) {
        if (!ends_[i] && world.now() >= ends_at_[i % brokers]) ends_[i] = world.end_offset(i);
    }
    if (!commits_ && world.now() >= commits_at_) {
        commits_.emplace();
        for (int i = 0; i < partitions; ++i) commits_->push_back(world.committed(i));
    }
    return world.now() >= answered_at_;
}

std::int64_t Look::lag() const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < ends_.size(); ++i) sum += *ends_[i] - (*commits_)[i].offset;
    return sum;
}
std::int64_t Look::backlog() const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
        const Committed& committed = (*commits_)[i];
        sum += jobqueue::backlog_of(
            {.end = *ends_[i], .committed = committed.offset, .finished_above = committed.finished_above});
    }
    return sum;
}
std::int64_t Look::end_offsets() const {
    std::int64_t sum = 0;
    for (const std::optional<std::int64_t>& end : ends_) sum += *end;
    return sum;
}
jobqueue::BusyCounters Look::busy() const {
    jobqueue::BusyCounters sum;
    for (const Committed& committed : *commits_) {
        sum.busy_us += committed.busy.busy_us;
        sum.completions += committed.busy.completions;
    }
    return sum;
}

Drover::Drover(const Cluster& cluster, std::uint64_t seed)
    : cluster_(cluster), policy_(policy_of(cluster)), random_(seed), next_look_(random_.uniform(0, look_interval)) {}

void Drover::at_tick(World& world) {
    if (!look_ && world.now() >= next_look_) look_.emplace(world.now(), cluster_.partitions, random_);
    if (!look_ || !look_->proceed(world)) return;
    const operator_core::Observation seen{.replicas = world.replicas(),
                                          .partitions = cluster_.partitions,
                                          .backlog = look_->backlog(),
                                          .end_offsets = look_->end_offsets(),
                                          .busy = look_->busy(),
                                          .retries_due_soon = 0};
    look_.reset();
    next_look_ = world.now() + look_interval;
    const Time now = time_from_millis(1'800'000'000'000) + duration_of(world.now());
    operator_core::Decision decision = operator_core::decide(policy_, seen, memory_, now);
    memory_ = std::move(decision.next);
    world.scale(decision.replicas);
}

Keda::Keda(const Cluster& cluster, const KedaSettings& settings, std::uint64_t seed)
    : cluster_(cluster),
      settings_(settings),
      random_(seed),
      next_poll_(random_.uniform(0, settings.polling_interval)),
      next_sync_(random_.uniform(0, hpa_sync)) {}

void Keda::at_tick(World& world) {
    if (world.now() >= next_poll_) {
        poll_look_.emplace(world.now(), cluster_.partitions, random_);
        next_poll_ += settings_.polling_interval;
    }
    if (world.now() >= next_sync_) {
        if (world.replicas() > 0) sync_look_.emplace(world.now(), cluster_.partitions, random_);
        next_sync_ += hpa_sync;
    }
    if (poll_look_ && poll_look_->proceed(world)) {
        poll(world, poll_look_->lag());
        poll_look_.reset();
    }
    if (sync_look_ && sync_look_->proceed(world)) {
        if (world.replicas() > 0) sync(world, sync_look_->lag());
        sync_look_.reset();
    }
}

void Keda::poll(World& world, std::int64_t lag) {
    if (lag > settings_.activation_lag_threshold) {
        last_active_ = world.now();
        if (world.replicas() == 0) world.scale(1);
    } else if (world.replicas() > 0 && *last_active_ + settings_.cooldown_period < world.now()) {
        world.scale(0);
    }
}

void Keda::sync(World& world, std::int64_t lag) {
    constexpr double tolerance = 0.1;
    const std::int64_t threshold = settings_.lag_threshold;
    if (lag / threshold > cluster_.partitions) lag = cluster_.partitions * threshold;
    const int current = world.replicas();
    const double needed = static_cast<double>(lag) / static_cast<double>(threshold);
    const int wanted = std::abs(1 - needed / current) > tolerance ? static_cast<int>(std::ceil(needed)) : current;

    const double window = settings_.scale_in_stabilisation.value_or(300);
    if (wishes_.empty()) wishes_.push_back({world.now(), current});
    std::erase_if(wishes_, [&](const Wish& wish) { return wish.at < world.now() - window; });
    int stable = wanted;
    for (const Wish& wish : wishes_) stable = std::max(stable, wish.replicas);
    wishes_.push_back({world.now(), wanted});
    // With a behavior the way up has a window of its own, of 0 s.
    if (settings_.scale_in_stabilisation && wanted >= current) stable = wanted;

    const int step = settings_.scale_in_stabilisation ? current + 4 : 4;
    world.scale(std::clamp(std::min(stable, std::max(step, 2 * current)), 1, cluster_.max_replicas));
}

}  // namespace drover::simulate
