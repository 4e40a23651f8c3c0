#include "gateway/core/deed_records.h"

#include "src/jobqueue/lifecycle_event.h"

namespace drover::gateway {
namespace {

jobqueue::LifecycleEvent event_of(const Job& job, jobqueue::JobEvent state, Time now) {
    jobqueue::LifecycleEvent event;
    event.queue = job.key.queue;
    event.job_id = job.key.id;
    event.type = job.type;
    event.state = state;
    event.at = now;
    return event;
}

}  // namespace

jobqueue::ControlMessage cancel_record(const std::string& job_id, const std::string& by, const std::string& reason,
                                       Time now) {
    return jobqueue::control_message(jobqueue::control::Cancel{
        .job_id = job_id, .by = by, .reason = reason, .at = now, .expires_at = now + jobqueue::cancel_lasts});
}

std::string removal_event(const Job& job, Time now) {
    jobqueue::LifecycleEvent event = event_of(job, jobqueue::JobEvent::removed, now);
    event.run = job.run;
    event.attempt = job.attempt;
    std::string value;
    jobqueue::write_lifecycle_event(event, 0, value);
    return value;
}

std::string retry_event(const Job& job, int run, Time now) {
    jobqueue::LifecycleEvent event = event_of(job, jobqueue::JobEvent::waiting, now);
    event.run = run;
    event.max_attempts = job.max_attempts;
    event.submitted_at = job.submitted_at;
    event.labels = job.labels;
    std::string value;
    jobqueue::write_lifecycle_event(event, 0, value);
    return value;
}

}  // namespace drover::gateway
