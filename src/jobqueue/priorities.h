// The lanes a queue may have, highest first. Room: jobqueue.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace drover::jobqueue {

inline constexpr std::array<std::string_view, 5> lanes{"critical", "high", "normal", "low", "background"};
inline constexpr std::string_view normal_lane = "normal";

// 0 for the highest; nothing when there is no such lane.
inline std::optional<std::size_t> lane_rank(std::string_view name) {
    for (std::size_t i = 0; i < lanes.size(); ++i)
        if (lanes[i] == name) return i;
    return std::nullopt;
}

}  // namespace drover::jobqueue
