// A queue, and all of them, as /v1 answers them. Room: gateway. Owner thread: the loop.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/access.h"
#include "gateway/core/job.h"
#include "gateway/state.h"

namespace drover::gateway {

// {"name", "topic", "ordering", "counts", "rates", "oldestWaitingAt", "scale", "paused", "pauses", "lag", "events"};
// "trouble" where Kafka could not be asked. `viewed` is what the view counts.
nlohmann::ordered_json queue_json(const GatewayState& state, const KnownQueue& queue, const QueueCounts& viewed);

// {"queues": [those that `who` may see, by name], "summary"}
nlohmann::ordered_json queues_json(const GatewayState& state, const AccessToken& who, const QueueCounts& viewed);

// Of steps, oldest first.
nlohmann::ordered_json scaling_step_json(const ScalingStep& step);

}  // namespace drover::gateway
