#include "gateway/queue_counts.h"

#include <algorithm>

namespace drover::gateway {

StateCounts counts_of(const GatewayState& state, const std::string& queue, const QueueCounts& viewed) {
    const auto found = viewed.find(queue);
    StateCounts counts = found == viewed.end() ? StateCounts{} : found->second;
    const auto look = state.looks.find(queue);
    if (look == state.looks.end()) return counts;
    const jobqueue::QueueFigures& figures = look->second.figures;
    // Where failing jobs wait in their place, only the view tells them from the others.
    const std::int64_t retrying = std::max(figures.retrying, counts[JobState::retrying]);
    counts[JobState::retrying] = std::min(retrying, figures.unfinished);
    counts[JobState::active] = std::min(counts[JobState::active], figures.unfinished - counts[JobState::retrying]);
    counts[JobState::waiting] = figures.unfinished - counts[JobState::retrying] - counts[JobState::active];
    return counts;
}

}  // namespace drover::gateway
