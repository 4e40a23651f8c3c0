// A submission on its way from a request's body to Kafka. Room: gateway. Owner thread: the loop.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/job_order.h"
#include "gateway/state.h"
#include "src/base/result.h"

namespace drover::gateway {

// Everything is checked, and the job has an id. `invalid` and `too_large` name the field that is wrong.
// `idempotency_key` "": none; else the id follows from it.
Result<JobOrder> take_in(GatewayState& state, const KnownQueue& queue, std::string_view body, std::string traceparent,
                         Time now, std::string_view idempotency_key = {});

// What take_in() checks about a job that has been parsed.
Result<void> check_job(const KnownQueue& queue, const jobqueue::Submission& job, Time now);

// The keys that it is submitted under, each known for a day from now on, and what their claim came to. Fresh: each is
// held, and send_order() settles them.
struct KeyClaim {
    KeyBook::Answer answer = KeyBook::Answer::fresh;
    std::string job_id;  // of the job that has the key
    std::vector<SubmitKey> held;
};
KeyClaim claim_keys(GatewayState& state, const KnownQueue& queue, const JobOrder& order,
                    std::string_view idempotency_key, std::string_view body, Time now);

// Once it is safe, `done` is told so; from then on its id is known here.
void send_order(GatewayState& state, const KnownQueue& queue, JobOrder order, std::vector<SubmitKey> keys, Time now,
                std::function<void(const Result<Accepted>&)> done);

}  // namespace drover::gateway
