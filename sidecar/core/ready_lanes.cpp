#include "sidecar/core/ready_lanes.h"

#include <algorithm>

namespace drover::sidecar {
namespace {

// Of a lane with weight 1. At 100,000 jobs a second, all of such lanes, the sum lasts for 5 years; of others, longer.
constexpr std::uint64_t full_turn = 1 << 20;

}  // namespace

ReadyLanes::ReadyLanes(std::vector<int> weights, Duration ageing) : ageing_(ageing) {
    if (weights.empty()) weights.push_back(1);
    lanes_.resize(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i)
        lanes_[i].turn = full_turn / static_cast<Cost>(std::clamp(weights[i], 1, 1000));
}

void ReadyLanes::push_back(std::size_t lane, Slot slot, Time now) {
    if (slot >= ready_since_.size()) ready_since_.resize(slot + 1);
    ready_since_[slot] = now;
    lane_at(lane).jobs.push_back(slot);
    ++size_;
}

void ReadyLanes::push_front(std::size_t lane, Slot slot, Time now) {
    if (slot >= ready_since_.size()) ready_since_.resize(slot + 1);
    if (!ready_since_[slot]) ready_since_[slot] = now;
    auto& jobs = lane_at(lane).jobs;
    const auto is_older = [&](Slot other) { return *ready_since_[other] < *ready_since_[slot]; };
    jobs.insert(std::find_if_not(jobs.begin(), jobs.end(), is_older), slot);
    ++size_;
}

const ReadyLanes::Lane* ReadyLanes::next_lane(Time now) const {
    const Lane* best = nullptr;
    for (const Lane& lane : lanes_) {
        if (lane.jobs.empty()) continue;
        if (best == nullptr) {
            best = &lane;
            if (lane.jobs.size() == size_) break;  // no other has any
        } else if (now - *ready_since_[lane.jobs.front()] >= ageing_ && debt(lane) < debt(*best)) {
            best = &lane;
        }
    }
    return best;
}

std::optional<Slot> ReadyLanes::next(Time now) const {
    const Lane* lane = next_lane(now);
    if (lane == nullptr) return std::nullopt;
    return lane->jobs.front();
}

std::optional<Slot> ReadyLanes::pop(Time now) {
    const Lane* next = next_lane(now);
    if (next == nullptr) return std::nullopt;
    Lane& lane = lanes_[static_cast<std::size_t>(next - lanes_.data())];
    paid_ = debt(lane);
    lane.paid = paid_ + lane.turn;
    const Slot slot = lane.jobs.front();
    lane.jobs.pop_front();
    --size_;
    return slot;
}

std::optional<Time> ReadyLanes::oldest_since() const {
    std::optional<Time> oldest;
    for (const Lane& lane : lanes_) {
        if (lane.jobs.empty()) continue;
        const Time since = *ready_since_[lane.jobs.front()];
        oldest = std::min(oldest.value_or(since), since);
    }
    return oldest;
}

std::vector<Slot> ReadyLanes::drop_if(const std::function<bool(Slot)>& is_dropped) {
    std::vector<Slot> dropped;
    for (Lane& lane : lanes_) {
        std::deque<Slot> kept;
        for (const Slot slot : lane.jobs) {
            if (is_dropped(slot)) {
                dropped.push_back(slot);
            } else {
                kept.push_back(slot);
            }
        }
        lane.jobs.swap(kept);
    }
    size_ -= dropped.size();
    return dropped;
}

}  // namespace drover::sidecar
