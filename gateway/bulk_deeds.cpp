#include "gateway/bulk_deeds.h"

#include <nlohmann/json.hpp>

#include "gateway/bulk_desk.h"
#include "gateway/core/job_json.h"
#include "gateway/queue_counts.h"

namespace drover::gateway {
namespace {

void retry_letter(GatewayState& state, const SharedCall& call, std::shared_ptr<const KnownQueue> queue,
                  std::optional<RetryOne::Hint> hint, const std::string& id) {
    Result<RetryBody> body = parse_retry_body(call->request.body);
    if (!body) return call->refuse(body.error());
    call->reason = body->reason;
    state.bulk->runner().ask(
        [what = RetryOne{.queue = std::move(queue),
                         .job_id = id,
                         .hint = hint,
                         .edit = std::move(body->edit),
                         .by = call->who.name}](BulkContext& context) { return retry_one(context, what); },
        [call, id](const Result<RetriedJob>& retried) {
            if (!retried) return call->refuse(retried.error());
            call->answer(202, {{"id", id}, {"state", "waiting"}, {"run", retried->run}});
        });
}

}  // namespace

BulkDesk* desk_of(const GatewayState& state, const SharedCall& call) {
    if (state.bulk) return state.bulk.get();
    call->refuse({.code = Error::Code::unavailable, .message = "the gateway waits for Kafka", .retryable = true});
    return nullptr;
}

void retry_job(GatewayState& state, const SharedCall& call, const Job& job) {
    if (job.state != JobState::failed) {
        return call->refuse(
            {.code = Error::Code::conflict,
             .message = "the job is " + std::string(state_name(job.state)) + ": only a failed one can be retried"});
    }
    const auto queue = state.queues.find(job.key.queue);
    if (!queue) return call->refuse({.code = Error::Code::not_found, .message = "queue " + job.key.queue + " is gone"});
    if (desk_of(state, call) == nullptr) return;
    retry_letter(state, call, queue, RetryOne::Hint{job.run, job.finished_at.value_or(job.since)}, job.key.id);
}

void retry_unseen_job(GatewayState& state, const SharedCall& call) {
    if (desk_of(state, call) == nullptr) return;
    retry_letter(state, call, call->queue, std::nullopt, call->part("id"));
}

void write_bulk(GatewayState& state, BulkMessage message, JobSubmitter::Done done) {
    state.submitter->submit({.topic = std::string(jobqueue::gateway_topic),
                             .key = std::move(message.key),
                             .value = std::move(message.value),
                             .headers = {}},
                            std::move(done));
}

void begin_bulk(GatewayState& state, const SharedCall& call, BulkOrder order,
                std::function<void(const BulkOperation&)> done) {
    if (desk_of(state, call) == nullptr) return;
    call->reason = order.reason;
    if (order.action != BulkAction::retry && !call->queue->queue.events) {
        return call->refuse({.code = Error::Code::conflict,
                             .message = "queue " + call->queue->name +
                                        " tells no events (spec.events), so its jobs are not known one by one"});
    }
    BulkOperation operation{.id = state.new_id(),
                            .queue = call->queue->name,
                            .order = std::move(order),
                            .by = call->who.name,
                            .started_at = call->now,
                            .updated_at = call->now};
    write_bulk(state, bulk_message(operation),
               [&state, call, operation, done = std::move(done)](const Result<Accepted>& accepted) {
                   if (!accepted) return call->refuse(accepted.error());
                   state.bulk->add(operation);
                   done(operation);
               });
}

void begin_bulk(GatewayState& state, const SharedCall& call, BulkOrder order) {
    begin_bulk(state, call, std::move(order), [call](const BulkOperation& operation) {
        http::Response response = http::json_response(202, to_text(bulk_json(operation)));
        response.headers.push_back({"location", "/v1/queues/" + operation.queue + "/bulk/" + operation.id});
        call->reply(std::move(response));
    });
}

void drop_waiting(GatewayState& state, const SharedCall& call, const std::string& reason,
                  std::function<void(std::int64_t)> done) {
    call->reason = reason;
    if (desk_of(state, call) == nullptr) return;
    state.view->ask([](JobView& view) { return view.counts(); },
                    [&state, call, reason, done = std::move(done)](const Result<QueueCounts>& viewed) {
                        // Without the view: what runs is counted with what waits.
                        StateCounts counts = counts_of(state, call->queue->name, viewed ? *viewed : QueueCounts());
                        const std::int64_t waiting = counts[JobState::waiting] + counts[JobState::retrying];
                        state.bulk->runner().ask(
                            [queue = call->queue, by = call->who.name, reason](BulkContext& context) {
                                return empty_queue(context, *queue, by, reason);
                            },
                            [call, waiting, done](const Result<std::int64_t>& delayed) {
                                if (!delayed) return call->refuse(delayed.error());
                                done(waiting + *delayed);
                            });
                    });
}

}  // namespace drover::gateway
