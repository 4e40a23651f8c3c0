// What a gateway does to jobs and queues: records that it writes. Room: gateway. Each answers the call when Kafka has
// them.
#pragma once

#include "gateway/call.h"
#include "gateway/core/job.h"
#include "gateway/state.h"

namespace drover::gateway {

// 202, the job becomes cancelled soon; 409 where it has ended.
void cancel_job(GatewayState& state, const SharedCall& call, const Job& job);
// 204: it is no longer in the view; 409 where it has not ended.
void delete_job(GatewayState& state, const SharedCall& call, const Job& job);
// Of call.queue, as the source `gateway`.
void pause_queue(GatewayState& state, const SharedCall& call, bool pause);

}  // namespace drover::gateway
