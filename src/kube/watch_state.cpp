#include "src/kube/watch_state.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "src/kube/work_queue.h"

namespace drover::kube {
namespace {

// After these the same version can be asked for again; after all others it is in doubt.
bool keeps_version(ApiError::Reason reason) {
    using Reason = ApiError::Reason;
    return reason == Reason::throttled || reason == Reason::server || reason == Reason::unreachable ||
           reason == Reason::timeout || reason == Reason::unauthorized || reason == Reason::stopped;
}

}  // namespace

WatchStep WatchState::listed(std::string version, double random) {
    if (version.empty()) return ended(ApiError{ApiError::Reason::unreadable, 0, "", {}, {}}, Duration::zero(), random);
    // A list alone ends no row of failures: it may be the watch that fails each time.
    version_ = std::move(version);
    return {WatchStep::Do::watch, version_, Duration::zero()};
}

void WatchState::advanced(std::string version) {
    if (!version.empty()) version_ = std::move(version);
    failures_ = 0;
}

WatchStep WatchState::ended(const std::optional<ApiError>& error, Duration lived, double random) {
    const bool was_good = lived >= good_life;
    if (was_good) failures_ = 0;
    const bool silent_end = !error || error->reason == ApiError::Reason::timeout;
    if (error && !keeps_version(error->reason)) version_.clear();
    if (silent_end && was_good) return next(random, std::nullopt);
    if (failures_ < std::numeric_limits<std::uint32_t>::max()) ++failures_;
    // An expired version is nobody's fault, the first time.
    if (error && error->reason == ApiError::Reason::expired && failures_ == 1) return {};
    return next(random, error ? error->retry_after : std::nullopt);
}

WatchStep WatchState::next(double random, std::optional<Duration> at_least) const {
    Duration after{0};
    if (failures_ > 0) after = backoff_delay(first_wait, longest_wait, failures_, random);
    if (at_least) after = std::max(after, *at_least);
    return {version_.empty() ? WatchStep::Do::list : WatchStep::Do::watch, version_, after};
}

}  // namespace drover::kube
