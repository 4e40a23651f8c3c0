// Finds the job that a call is about. Room: gateway.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gateway/call.h"
#include "gateway/job_wait.h"
#include "gateway/state.h"

namespace drover::gateway {

Error unknown_job(const std::string& id);
// Of jobs with the id {id} the one that the caller may see, in the call's {queue} where it has one; of several the one
// that changed last. Nothing: there is none.
std::optional<JobDetail> visible_job(const GatewayState& state, const Call& call, const std::vector<JobDetail>& found);
// Calls `then` with the job, or nothing: there is none that the caller may see. One that was submitted a moment ago,
// here or through another gateway, may take 2 s.
void find_job(GatewayState& state, const SharedCall& call, JobWait::Answer then);
// Calls `then` with the job, or refuses: there is none.
void with_job(GatewayState& state, const SharedCall& call, std::function<void(JobDetail)> then);
// The call is about this queue from now on. False: it has been refused.
bool allowed(const GatewayState& state, const SharedCall& call, Role role, const std::string& queue);

}  // namespace drover::gateway
