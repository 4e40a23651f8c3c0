#include "gateway/submission_intake.h"

#include <charconv>

#include "gateway/core/delayed_record.h"
#include "src/base/digest.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/lifecycle_event.h"

namespace drover::gateway {
namespace {

constexpr Duration keys_last = std::chrono::hours(24);

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
    std::string value;
    jobqueue::write_lifecycle_event(event, 0, value);
    return {.topic = std::string(jobqueue::events_topic),
            .key = order.id,
            .value = std::move(value),
            .headers = {},
            .unhurried = true};
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

std::uint64_t fingerprint_of(std::string_view body) {
    const std::string digest = sha256_hex(body);
    std::uint64_t number = 0;
    std::from_chars(digest.data(), digest.data() + 16, number, 16);
    return number;
}

// First the job, then what its keys say: the other way round a kill would leave a key without a job.
void write_keys(GatewayState& state, bool was_accepted, const std::vector<SubmitKey>& keys, Time now,
                const Result<Accepted>& accepted, std::function<void(const Result<Accepted>&)> done) {
    if (!was_accepted || keys.empty()) {
        for (const SubmitKey& key : keys) state.keys.withdraw(key);
        return done(accepted);
    }
    auto open = std::make_shared<std::size_t>(keys.size());
    for (const SubmitKey& key : keys) {
        jobqueue::ControlMessage message = state.keys.accepted(key, now + keys_last);
        state.submitter->submit({.topic = std::string(jobqueue::gateway_topic),
                                 .key = std::move(message.key),
                                 .value = std::move(message.value),
                                 .headers = {}},
                                [open, accepted, done](const Result<Accepted>&) {
                                    // The job is safe, whatever became of the key.
                                    if (--*open == 0) done(accepted);
                                });
    }
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

// Where a job has no key the hash of its id decides where it goes, so that a copy goes there, too. Ids are made until
// one goes to the partition whose turn it is; the more partitions there are beyond some ten, the more often chance
// decides.
std::string id_in_turn(GatewayState& state, const KnownQueue& queue, const jobqueue::Submission& job, Time now) {
    constexpr int most_tries = 64;
    const std::string& topic = jobqueue::topic_for(queue.topics, job.priority);
    const int partitions = queue.queue.kafka.partitions;
    const auto turns = state.turns.try_emplace(topic, static_cast<unsigned>(state.random())).first;
    const int wanted = turns->second.next(partitions, now);
    const Time made = state.now();  // later than `now` in a batch, whose jobs are to sort as they came
    std::string id = jobqueue::new_job_id(made, state.random());
    for (int tries = 1; tries < most_tries && partition_of(id, partitions) != wanted; ++tries)
        id = jobqueue::new_job_id(made, state.random());
    return id;
}

std::string id_of(GatewayState& state, const KnownQueue& queue, const jobqueue::Submission& job,
                  std::string_view idempotency_key, Time now) {
    if (!idempotency_key.empty()) {
        return jobqueue::named_job_id("idempotency/" + queue.name + "/" + std::string(idempotency_key));
    }
    const bool goes_by_its_id = !job.key && !job.delay && !job.run_at;
    return goes_by_its_id ? id_in_turn(state, queue, job, now) : state.new_id();
}

}  // namespace

Result<void> check_job(const KnownQueue& queue, const jobqueue::Submission& job, Time now) {
    if (Result<void> fits = check_submission(job, queue.queue, now); !fits) return fits;
    return check_schema(queue, job);
}

Result<JobOrder> take_in(GatewayState& state, const KnownQueue& queue, std::string_view body, std::string traceparent,
                         Time now, std::string_view idempotency_key) {
    Result<jobqueue::Submission> job = jobqueue::parse_submission(body);
    if (!job) return tl::unexpected(job.error());
    if (const Result<void> fits = check_job(queue, *job, now); !fits) return tl::unexpected(fits.error());
    if (!job->unique_key.empty() && !state.has_read_log) {
        return failure(Error::Code::unavailable, "which unique keys are in use has not been read from Kafka yet", true);
    }
    job->id = id_of(state, queue, *job, idempotency_key, now);
    job->traceparent = std::move(traceparent);
    return order_of(std::move(*job), queue.topics, now);
}

KeyClaim claim_keys(GatewayState& state, const KnownQueue& queue, const JobOrder& order,
                    std::string_view idempotency_key, std::string_view body, Time now) {
    KeyClaim claim;
    std::vector<SubmitKey> wanted;
    if (!idempotency_key.empty()) {
        wanted.push_back({SubmitKey::Kind::idempotency, queue.name, std::string(idempotency_key)});
    }
    const std::string_view unique = header_of(order, jobqueue::header::unique_key);
    if (!unique.empty()) wanted.push_back({SubmitKey::Kind::unique, queue.name, std::string(unique)});
    for (SubmitKey& key : wanted) {
        const KeyBook::Claim one = state.keys.claim(key, order.id, fingerprint_of(body), now);
        if (one.answer != KeyBook::Answer::fresh) {
            for (const SubmitKey& held : claim.held) state.keys.withdraw(held);
            return {.answer = one.answer, .job_id = one.job_id, .held = {}};
        }
        claim.held.push_back(std::move(key));
    }
    claim.job_id = order.id;
    return claim;
}

void send_order(GatewayState& state, const KnownQueue& queue, JobOrder order, std::vector<SubmitKey> keys, Time now,
                std::function<void(const Result<Accepted>&)> done) {
    Job job = recent_job(queue, order, now);
    // Best effort: where it is lost, the job is known from its start on.
    if (queue.queue.events) state.submitter->submit(submitted_event(queue, order, now), [](const auto&) {});
    Outgoing record = outgoing(queue, std::move(order));
    state.submitter->submit(std::move(record), [&state, job = std::move(job), keys = std::move(keys), now,
                                                done = std::move(done)](const Result<Accepted>& accepted) mutable {
        state.metrics.submitted(job.key.queue, accepted.has_value());
        if (accepted) state.recent.add(std::move(job), state.now());
        write_keys(state, accepted.has_value(), keys, now, accepted, std::move(done));
    });
}

}  // namespace drover::gateway
