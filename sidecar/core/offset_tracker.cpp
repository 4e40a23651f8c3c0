#include "sidecar/core/offset_tracker.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>

namespace drover::sidecar {

OffsetTracker::OffsetTracker(std::int64_t committed, const std::vector<jobqueue::OffsetRun>& finished)
    : base_(std::max<std::int64_t>(committed, 0)), next_(base_) {
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    const std::int64_t limit = base_ + std::min(jobqueue::max_finished_window, most - base_);
    for (const jobqueue::OffsetRun& run : finished) {
        if (run.count <= 0 || run.first >= limit) continue;
        const std::int64_t first = std::max({run.first, base_, runs_.empty() ? base_ : std::prev(runs_.end())->second});
        const std::int64_t end =
            run.first > 0 && run.count > most - run.first ? limit : std::min(run.first + run.count, limit);
        if (first < end) mark_finished(first, end);
    }
    next_ = std::max(next_, base_);
}

OffsetTracker::Receipt OffsetTracker::received(std::int64_t offset) {
    if (offset < next_) return is_finished(offset) ? Receipt::finished : Receipt::repeated;
    skip_to(offset);
    next_ = std::max(next_, offset + 1);
    if (is_finished(offset)) return Receipt::finished;
    ++unfinished_;
    return Receipt::fresh;
}

bool OffsetTracker::finish(std::int64_t offset) {
    if (offset >= next_ || is_finished(offset)) return false;
    --unfinished_;
    mark_finished(offset, offset + 1);
    return true;
}

void OffsetTracker::reached_end(std::int64_t end) {
    if (end <= next_) return;
    skip_to(end);
    next_ = std::max(next_, end);
}

std::vector<jobqueue::OffsetRun> OffsetTracker::finished_above() const {
    std::vector<jobqueue::OffsetRun> runs;
    runs.reserve(runs_.size());
    for (const auto& [first, end] : runs_) runs.push_back({first, end - first});
    return runs;
}

std::size_t OffsetTracker::map_bytes_bound() const {
    if (runs_.empty()) return 0;
    // As runs: two varints each; a varint has one more byte only for each factor of 128 of its value.
    const auto window = static_cast<std::size_t>(std::prev(runs_.end())->second - base_);
    if (window > jobqueue::max_finished_window) return window;  // nobody would believe it
    const std::size_t longest_varint = (static_cast<std::size_t>(std::bit_width(window)) + 6) / 7;
    return std::min({2 * runs_.size() + window / 128, 2 * runs_.size() * longest_varint, window / 8 + 1});
}

bool OffsetTracker::is_finished(std::int64_t offset) const {
    if (offset < base_) return true;
    const auto after = runs_.upper_bound(offset);
    return after != runs_.begin() && offset < std::prev(after)->second;
}

void OffsetTracker::mark_finished(std::int64_t first, std::int64_t end) {
    if (first == base_) {
        base_ = end;
        if (!runs_.empty() && runs_.begin()->first == base_) {
            base_ = runs_.begin()->second;
            runs_.erase(runs_.begin());
        }
        return;
    }
    const auto after = runs_.lower_bound(first);
    const bool joins_right = after != runs_.end() && after->first == end;
    if (joins_right) end = after->second;
    if (after != runs_.begin() && std::prev(after)->second == first) {
        std::prev(after)->second = end;
        if (joins_right) runs_.erase(after);
    } else {
        const auto hint = joins_right ? runs_.erase(after) : after;
        runs_.emplace_hint(hint, first, end);
    }
}

// What was not received below `offset` does not exist: it counts as finished.
void OffsetTracker::skip_to(std::int64_t offset) {
    for (std::int64_t missing = std::max(next_, base_); missing < offset;) {
        const auto after = runs_.upper_bound(missing);
        if (after != runs_.begin() && std::prev(after)->second > missing) {
            missing = std::prev(after)->second;  // finished before
            continue;
        }
        const std::int64_t end = after == runs_.end() ? offset : std::min(offset, after->first);
        mark_finished(missing, end);
        missing = std::max(end, base_);  // which may have passed what was finished before
    }
}

}  // namespace drover::sidecar
