// What a gateway does through its bulk room. Room: gateway.
#pragma once

#include <functional>
#include <string>

#include "gateway/call.h"
#include "gateway/core/bulk_operation.h"
#include "gateway/core/bulk_order.h"
#include "gateway/core/job.h"
#include "gateway/state.h"

namespace drover::gateway {

// Null: the call has been refused, since the gateway still waits for Kafka.
BulkDesk* desk_of(const GatewayState& state, const SharedCall& call);

// 202, it waits again, as its next run; 409 where it has not failed, or was retried before.
void retry_job(GatewayState& state, const SharedCall& call, const Job& job);
// The same of {id} in call.queue, which tells no events: nobody knows the job but its dead letter.
void retry_unseen_job(GatewayState& state, const SharedCall& call);
// Of call.queue: 202, an operation.
void begin_bulk(GatewayState& state, const SharedCall& call, BulkOrder order);
// The same; `done` answers, when Kafka has it.
void begin_bulk(GatewayState& state, const SharedCall& call, BulkOrder order,
                std::function<void(const BulkOperation&)> done);
// Of call.queue all that waits now, is delayed or retries; `done` answers, with about how many these were.
void drop_waiting(GatewayState& state, const SharedCall& call, const std::string& reason,
                  std::function<void(std::int64_t)> done);
// To drover.gateway.
void write_bulk(GatewayState& state, BulkMessage message, JobSubmitter::Done done);

}  // namespace drover::gateway
