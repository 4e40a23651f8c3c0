#include "cli/run/totals.h"

namespace drover::cli {
namespace {

constexpr auto window = std::chrono::seconds(3);

}  // namespace

void add_to(sidecar::Stats& sum, const sidecar::Stats& one) {
    using sidecar::Stats;
    for (const auto count : {&Stats::received, &Stats::handed_over, &Stats::completed, &Stats::cancelled,
                             &Stats::retried, &Stats::dead_lettered, &Stats::moved, &Stats::repeated, &Stats::dropped,
                             &Stats::write_failures, &Stats::events_left_out}) {
        sum.*count += one.*count;
    }
    for (const auto& [name, count] : one.dead_by_class) sum.dead_by_class[name] += count;
    sum.worker_time.merge(one.worker_time);
    sum.wait.merge(one.wait);
    sum.in_flight += one.in_flight;
    sum.held += one.held;
    sum.partitions += one.partitions;
    sum.worker_reachable = sum.worker_reachable || one.worker_reachable;
    sum.joined = sum.joined || one.joined;
    sum.paused = sum.paused || one.paused;
    if (sum.trouble.empty()) sum.trouble = one.trouble;
    if (sum.blocked_job.empty()) sum.blocked_job = one.blocked_job;
}

sidecar::Stats past_of(const sidecar::Stats& stats) {
    sidecar::Stats past = stats;
    past.in_flight = past.held = past.partitions = 0;
    past.worker_reachable = past.joined = past.paused = past.drained = false;
    past.trouble.clear();
    past.blocked_job.clear();
    return past;
}

void RateMeter::count(std::uint64_t total, Clock::time_point now) {
    if (!samples_.empty() && total > samples_.back().total) {
        if (first_growth_ == Clock::time_point{}) first_growth_ = samples_.back().at;
        last_growth_ = now;
    }
    samples_.push_back({now, total});
    while (samples_.size() > 2 && now - samples_.front().at > window) samples_.pop_front();
}

double RateMeter::per_second() const {
    if (samples_.size() < 2) return 0;
    const std::chrono::duration<double> time = samples_.back().at - samples_.front().at;
    return time.count() <= 0 ? 0 : static_cast<double>(samples_.back().total - samples_.front().total) / time.count();
}

std::chrono::duration<double> RateMeter::active_time() const { return last_growth_ - first_growth_; }

}  // namespace drover::cli
