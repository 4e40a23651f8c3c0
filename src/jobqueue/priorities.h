// The lanes a queue may have, highest first. Room: jobqueue.
#pragma once

#include <array>
#include <charconv>
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

// Of a job's priority as its record names it: a lane, or a number, of which 1 is the most urgent (critical 1, high 3,
// normal 5, low 7, background 10, and those between the more urgent one's). Of anything else the normal lane's.
inline std::size_t priority_rank(std::string_view priority) {
    constexpr std::size_t normal = 2;
    if (const auto rank = lane_rank(priority)) return *rank;
    int number = 0;
    const auto [end, error] = std::from_chars(priority.data(), priority.data() + priority.size(), number);
    if (error != std::errc() || end != priority.data() + priority.size()) return normal;
    if (number < 3) return 0;
    if (number < 5) return 1;
    if (number < 7) return 2;
    return number < 10 ? 3 : 4;
}

// Where a job of this priority goes, of lanes that are sorted and have their names as `lane`: the index of the one of
// that name, or of the next less urgent one. 0 where there are none.
template <class Lanes>
std::size_t lane_for(const Lanes& sorted, std::string_view priority) {
    const std::size_t rank = priority_rank(priority);
    std::size_t index = 0;
    while (index + 1 < sorted.size() && lane_rank(sorted[index].lane).value_or(0) < rank) ++index;
    return index;
}

}  // namespace drover::jobqueue
