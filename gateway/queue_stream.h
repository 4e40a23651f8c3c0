// All queues as server-sent events: how each does, whenever that changes. Room: gateway. Owner thread: the loop.
#pragma once

#include "gateway/call.h"
#include "gateway/state.h"

namespace drover::gateway {

// Answers with a stream: `queues` with what GET /v1/queues answers, and then whenever that has changed, at most once a
// second, again; or, with ?changes=true, `changes` with the queues that did and the names of those that are gone.
// ?queue= names one of them.
void stream_queues(GatewayState& state, const SharedCall& call);

}  // namespace drover::gateway
