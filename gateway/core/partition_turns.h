// Which partition the next job of a topic goes to, where nothing about the job decides. Pure. Room: gateway/core.
//
// Partitions take turns, so that few jobs are spread over all workers that there are, which chance would not do. Where
// many come, a turn is as many jobs as came in 4 ms lately, at most 64: what goes to Kafka together should go to few
// partitions, since each partition is a request of its own. At a constant rate partitions differ by one turn at most.
#pragma once

#include "src/base/time.h"

namespace drover::gateway {

class PartitionTurns {
public:
    // Gateways begin anywhere, so that they are not in step.
    explicit PartitionTurns(unsigned first) : partition_(first) {}

    // `partitions` is at least 1, and may change. A clock that jumps makes short turns, no wrong ones.
    int next(int partitions, Time now);

private:
    int turn_length(Time now);

    unsigned partition_;
    int left_ = 0;  // of this turn
    Time window_began_{};
    int in_window_ = 0, in_window_before_ = 0;  // jobs
};

}  // namespace drover::gateway
