#include "gateway/core/job.h"

#include <algorithm>

namespace drover::gateway {
namespace {

constexpr std::array<std::string_view, 9> names{"unknown",   "waiting", "delayed",   "active", "retrying",
                                                "completed", "failed",  "cancelled", "removed"};

}  // namespace

std::string_view state_name(JobState state) { return names[static_cast<std::size_t>(state)]; }

std::optional<JobState> parse_state(std::string_view name) {
    if (name == "pending") return JobState::waiting;
    if (name == "processing") return JobState::active;
    const auto found = std::ranges::find(visible_states, name, state_name);
    if (found == visible_states.end()) return std::nullopt;
    return *found;
}

bool is_finished(JobState state) {
    return state == JobState::completed || state == JobState::failed || state == JobState::cancelled;
}

}  // namespace drover::gateway
