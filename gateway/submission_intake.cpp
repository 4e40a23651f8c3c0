#include "gateway/submission_intake.h"

#include "gateway/core/delayed_record.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/lifecycle_event.h"

namespace drover::gateway {
namespace {

Result<void> check_schema(const KnownQueue& queue, const jobqueue::Submission& job) {
    const auto schema = queue.schemas.find(job.type);
    if (schema == queue.schemas.end()) return {};
    if (!schema->second) {
        return failure(Error::Code::internal, "the queue's schema of type " + job.type +
                                                  " cannot be used (spec.schemas): " + schema->second.error().message);
    }
    std::string problems;
    for (const std::string& each : schema->second->check(job.payload))
        problems += (problems.empty() ? "" : "; ") + each;
    if (!problems.empty()) return failure(Error::Code::invalid, problems);
    return {};
}

std::string_view header_of(const JobOrder& order, std::string_view name) {
    for (const Field& field : order.headers) {
        if (field.name == name) return field.value;
    }
    return {};
}

// For whoever asks about it before a sidecar has it.
Outgoing submitted_event(const KnownQueue& queue, const JobOrder& order, Time now) {
    jobqueue::LifecycleEvent event;
    event.queue = queue.name;
    event.job_id = order.id;
    event.type = header_of(order, jobqueue::header::type);
    event.state = order.due ? jobqueue::JobEvent::delayed : jobqueue::JobEvent::submitted;
    event.max_attempts = queue.queue.retry.max_attempts;
    event.at = now;
    event.submitted_at = now;
    event.due_at = order.due;
    event.labels = header_of(order, jobqueue::header::labels);
    event.topic = order.topic;
    std::string value;
    jobqueue::write_lifecycle_event(event, 0, value);
    return {.topic = std::string(jobqueue::events_topic), .key = order.id, .value = std::move(value), .headers = {}};
}

// Of one that waits for a time, what makes it wait.
Outgoing outgoing(const KnownQueue& queue, JobOrder order) {
    if (order.due) {
        DelayedMessage message = delayed_message(order, queue.name);
        return {.topic = std::string(jobqueue::delayed_topic),
                .key = std::move(message.key),
                .value = std::move(message.value),
                .headers = std::move(message.headers)};
    }
    return {.topic = std::move(order.topic),
            .key = std::move(order.key),
            .value = std::move(order.value),
            .headers = std::move(order.headers),
            .id = std::move(order.id)};
}

Job recent_job(const KnownQueue& queue, const JobOrder& order, Time now) {
    Job job;
    job.key = {queue.name, order.id};
    job.state = order.due ? JobState::delayed : JobState::waiting;
    job.type = header_of(order, jobqueue::header::type);
    job.max_attempts = queue.queue.retry.max_attempts;
    job.since = job.submitted_at = job.updated_at = now;
    job.due_at = order.due;
    job.labels = header_of(order, jobqueue::header::labels);
    return job;
}

}  // namespace

Result<JobOrder> take_in(GatewayState& state, const KnownQueue& queue, std::string_view body, std::string traceparent,
                         Time now) {
    Result<jobqueue::Submission> job = jobqueue::parse_submission(body);
    if (!job) return tl::unexpected(job.error());
    if (const Result<void> fits = check_submission(*job, queue.queue, now); !fits) return tl::unexpected(fits.error());
    if (const Result<void> fits = check_schema(queue, *job); !fits) return tl::unexpected(fits.error());
    job->id = state.new_id();
    job->traceparent = std::move(traceparent);
    return order_of(std::move(*job), queue.topics, now);
}

void send_order(GatewayState& state, const KnownQueue& queue, JobOrder order, Time now,
                std::function<void(const Result<Accepted>&)> done) {
    Job job = recent_job(queue, order, now);
    // Best effort: where it is lost, the job is known from its start on.
    if (queue.queue.events) state.submitter->submit(submitted_event(queue, order, now), [](const auto&) {});
    Outgoing record = outgoing(queue, std::move(order));
    state.submitter->submit(std::move(record), [&state, job = std::move(job),
                                                done = std::move(done)](const Result<Accepted>& accepted) mutable {
        state.metrics.submitted(job.key.queue, accepted.has_value());
        if (accepted) state.recent.add(std::move(job), state.now());
        done(accepted);
    });
}

}  // namespace drover::gateway
