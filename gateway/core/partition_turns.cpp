#include "gateway/core/partition_turns.h"

#include <algorithm>

namespace drover::gateway {
namespace {

constexpr Duration window = std::chrono::milliseconds(100);
constexpr Duration turn = std::chrono::milliseconds(4);
constexpr int longest_turn = 64;  // jobs

}  // namespace

int PartitionTurns::next(int partitions, Time now) {
    const int length = turn_length(now);
    left_ = std::min(left_, length);  // a long turn ends where it is quiet again
    if (left_ == 0) {
        ++partition_;
        left_ = length;
    }
    --left_;
    partition_ %= static_cast<unsigned>(partitions);
    return static_cast<int>(partition_);
}

int PartitionTurns::turn_length(Time now) {
    const Duration age = now - window_began_;
    if (age < Duration(0) || age >= window) {
        const bool follows = age >= window && age < 2 * window;
        in_window_before_ = follows ? in_window_ : 0;
        in_window_ = 0;
        window_began_ = now;
    }
    ++in_window_;
    return std::clamp(static_cast<int>(in_window_before_ * turn / window), 1, longest_turn);
}

}  // namespace drover::gateway
