#include "src/jobqueue/retry_policy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace drover::jobqueue {
namespace {

constexpr std::size_t max_steps = 8;
// A linear ladder can have more distinct delays than are worth looking at; so many, evenly spread, are enough.
constexpr std::int64_t max_looked_at = 1000;

// Of NaN, the lower bound.
double clamped(double value, double low, double high) { return value > low ? std::min(value, high) : low; }

// The delay after the `attempt`-th failed try (≥ 1), without jitter.
Duration base_delay(const RetryPolicy& policy, std::int64_t attempt) {
    const Duration longest = std::max(policy.max_delay, Duration{0});
    if (policy.delays) {
        if (policy.delays->empty()) return Duration{0};
        const auto last = static_cast<std::int64_t>(policy.delays->size());
        return std::clamp((*policy.delays)[static_cast<std::size_t>(std::min(attempt, last) - 1)], Duration{0},
                          longest);
    }
    const Duration initial = std::clamp(policy.initial, Duration{0}, longest);
    if (initial.count() == 0) return initial;
    const auto fits = longest.count() / initial.count();  // the largest factor that stays within max_delay
    switch (policy.backoff) {
        case Backoff::fixed: return initial;
        case Backoff::linear: return attempt > fits ? longest : initial * attempt;
        case Backoff::exponential:
            return attempt > 62 || (std::int64_t{1} << (attempt - 1)) > fits
                       ? longest
                       : initial * (std::int64_t{1} << (attempt - 1));
    }
    return longest;
}

// After how many failed tries the delay changes no more.
std::int64_t last_change(const RetryPolicy& policy) {
    if (policy.delays) return std::max<std::int64_t>(1, static_cast<std::int64_t>(policy.delays->size()));
    const Duration longest = std::max(policy.max_delay, Duration{0});
    const Duration initial = std::clamp(policy.initial, Duration{0}, longest);
    if (initial.count() == 0 || policy.backoff == Backoff::fixed) return 1;
    if (policy.backoff == Backoff::exponential) return 64;
    return std::min(longest.count() / initial.count(), Duration::max().count() - 1) + 1;
}

}  // namespace

Duration retry_delay(const RetryPolicy& policy, int failed_attempts, double unit) {
    const Duration base = base_delay(policy, std::max(failed_attempts, 1));
    const double share = clamped(policy.jitter, 0, 1) * clamped(unit, 0, 1);
    // The share is at most 1, so the only sum that does not fit is one with a base beyond half of what a Duration
    // holds.
    const double extra = std::floor(static_cast<double>(base.count()) * share);
    const auto room = static_cast<double>((Duration::max() - base).count());
    return extra >= room ? Duration::max() : base + Duration{static_cast<std::int64_t>(extra)};
}

std::vector<Duration> retry_steps(const RetryPolicy& policy) {
    const auto failures = std::min<std::int64_t>(std::int64_t{policy.max_attempts} - 1, last_change(policy));
    if (failures < 1) return {};

    std::vector<Duration> steps;
    const auto looked_at = std::min(failures, max_looked_at);
    for (std::int64_t i = 0; i < looked_at; ++i) {
        const auto spread = looked_at == failures ? i
                                                  : static_cast<std::int64_t>(static_cast<double>(i) /
                                                                              static_cast<double>(looked_at - 1) *
                                                                              static_cast<double>(failures - 1));
        const Duration delay = base_delay(policy, 1 + spread);
        const auto millis =
            delay / std::chrono::milliseconds(1) + (delay % std::chrono::milliseconds(1) != Duration{0} ? 1 : 0);
        steps.push_back(millis > Duration::max() / std::chrono::milliseconds(1) ? delay : millis * Duration{1000});
    }
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    // A job that is due at once passes through whichever step there is.
    if (steps.front() == Duration{0}) steps.erase(steps.begin());
    if (steps.empty()) steps.emplace_back(std::chrono::milliseconds(1));
    if (steps.size() <= max_steps) return steps;

    std::vector<Duration> thinned;
    for (std::size_t i = 0; i < max_steps; ++i) thinned.push_back(steps[i * (steps.size() - 1) / (max_steps - 1)]);
    return thinned;
}

}  // namespace drover::jobqueue
