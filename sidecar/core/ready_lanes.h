// The jobs that may be handed over, in several lanes, and which of them is next. Pure. Room: sidecar/core. The
// sidecar's thread.
//
// Lane 0 is the most urgent. A lane is *aged* when its first job became ready `ageing` ago or earlier.
//
// - While no lane below the topmost one that has jobs is aged, that topmost lane is next: strict priority.
// - Otherwise it and the aged ones take turns by weight. Each turn costs a lane 1/weight, and the lane that has paid
// least
//   is next, the more urgent one of equals; a lane that begins to take part owes what the last one paid before its
//   turn. (Stride scheduling, Waldspurger 1995. It spreads turns as evenly as smooth weighted round robin, and still
//   does when lanes come and go.) Of two lanes i and j that keep taking part, turns ÷ weight differ by at most
//   1/weight(i) + 1/weight(j).
//
// So nothing starves: once the first job of lane i is aged, at most B(i) = Σ over j≠i of ⌊weight(j) ÷ weight(i)⌋ + 1
// other jobs are taken before it, whatever arrives; a job that has p jobs of its lane before it is taken among the
// next (p + 1) × (B(i) + 1) once it has waited `ageing`. With the default weights B is 4, 6, 10, 18 and 34.
//
// Everything but drop_if is O(1) (in the number of jobs; there are at most five lanes). `now` may not go backwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "sidecar/core/slot.h"
#include "src/base/time.h"

namespace drover::sidecar {

class ReadyLanes {
public:
    // One weight per lane, each 1 to 1000 (others count as the nearest of these); none: one lane.
    explicit ReadyLanes(std::vector<int> weights = {16, 8, 4, 2, 1}, Duration ageing = std::chrono::seconds(5));

    // A lane that there is not counts as the last one. A slot is in at most once.
    void push_back(std::size_t lane, Slot slot, Time now);

    // A job that was taken is given back: first, but for those given back that have been ready for longer. It counts as
    // ready since its push_back, if it had one.
    void push_front(std::size_t lane, Slot slot, Time now);

    std::optional<Slot> next(Time now) const;
    std::optional<Slot> pop(Time now);  // takes what next() shows

    // Since when the first jobs of all lanes have been ready: the earliest; nothing when there is none.
    std::optional<Time> oldest_since() const;

    std::size_t size() const { return size_; }
    std::size_t size(std::size_t lane) const { return lane < lanes_.size() ? lanes_[lane].jobs.size() : 0; }

    // Takes out the jobs for which `is_dropped` says so, and returns them: lane by lane, each from first to last.
    std::vector<Slot> drop_if(const std::function<bool(Slot)>& is_dropped);

private:
    using Cost = std::uint64_t;

    struct Lane {
        std::deque<Slot> jobs;
        Cost turn = 0;  // what a turn costs
        Cost paid = 0;
    };

    Lane& lane_at(std::size_t lane) { return lanes_[lane < lanes_.size() ? lane : lanes_.size() - 1]; }
    Cost debt(const Lane& lane) const { return lane.paid > paid_ ? lane.paid : paid_; }
    const Lane* next_lane(Time now) const;

    Duration ageing_;
    std::vector<Lane> lanes_;
    std::vector<std::optional<Time>> ready_since_;  // by slot; kept when the job is taken
    std::size_t size_ = 0;
    Cost paid_ = 0;  // by the lane that had the last turn, before it
};

}  // namespace drover::sidecar
