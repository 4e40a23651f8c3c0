// How many jobs of a queue are in which state. Room: gateway. Owner thread: the loop.
#pragma once

#include <string>

#include "gateway/state.h"

namespace drover::gateway {

// What waits and what retries is Kafka's to say, by lag, and never drifts; the rest is the view's.
StateCounts counts_of(const GatewayState& state, const std::string& queue, const QueueCounts& viewed);

}  // namespace drover::gateway
