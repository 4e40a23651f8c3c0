// What is written to cancel a job, and to take one out of the view. Pure. Room: gateway/core.
#pragma once

#include <string>

#include "gateway/core/job.h"
#include "src/base/time.h"
#include "src/jobqueue/control.h"

namespace drover::gateway {

// For the queue's control topic.
jobqueue::ControlMessage cancel_record(const std::string& job_id, const std::string& by, const std::string& reason,
                                       Time now);
// Both for drover.events, with the job's id as key: of a job that has ended, nothing more is shown; and a failed one
// waits again, as that run; where it stands is told by the worker that begins it.
std::string removal_event(const Job& job, Time now);
std::string retry_event(const Job& job, int run, Time now);

}  // namespace drover::gateway
