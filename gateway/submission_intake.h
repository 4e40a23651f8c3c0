// A submission on its way from a request's body to Kafka. Room: gateway. Owner thread: the loop.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gateway/core/job_order.h"
#include "gateway/state.h"
#include "src/base/result.h"

namespace drover::gateway {

// Everything is checked, and the job has an id. `invalid` and `too_large` name the field that is wrong.
Result<JobOrder> take_in(GatewayState& state, const KnownQueue& queue, std::string_view body, std::string traceparent,
                         Time now);

// Once it is safe, `done` is told so; from then on its id is known here.
void send_order(GatewayState& state, const KnownQueue& queue, JobOrder order, Time now,
                std::function<void(const Result<Accepted>&)> done);

}  // namespace drover::gateway
