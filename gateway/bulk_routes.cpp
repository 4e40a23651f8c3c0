// Failed jobs again, one or many; cancels and deletes of many; empty and clean.
#include <nlohmann/json.hpp>

#include "gateway/bulk_deeds.h"
#include "gateway/bulk_desk.h"
#include "gateway/core/job_json.h"
#include "gateway/job_lookup.h"
#include "gateway/routes.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

const BulkOperation* operation_of(const GatewayState& state, const SharedCall& call) {
    const BulkDesk* desk = desk_of(state, call);
    if (desk == nullptr) return nullptr;
    const std::string& id = call->part("operation");
    const BulkOperation* found = desk->book().find(call->queue->name + "/" + id);
    if (found == nullptr) {
        call->refuse({.code = Error::Code::not_found,
                      .message = "queue " + call->queue->name + " has no bulk operation " + id +
                                 ", or it ended more than 7 days ago"});
    }
    return found;
}

void bulk(GatewayState& state, const SharedCall& call) {
    BulkDesk* desk = desk_of(state, call);
    if (desk == nullptr) return;
    Result<BulkOrder> order = parse_bulk_order(call->queue->name, call->request.body);
    if (!order) return call->refuse(order.error());
    if (!order->dry_run) return begin_bulk(state, call, std::move(*order));
    call->reason = order->reason;
    desk->runner().ask([queue = call->queue,
                        order = std::move(*order)](BulkContext& context) { return dry_run(context, *queue, order); },
                       [call](const Result<DryRun>& found) {
                           if (!found) return call->refuse(found.error());
                           ordered_json sample = ordered_json::array();
                           for (const Job& job : found->sample) sample.push_back(job_json(job));
                           call->answer(200, {{"matched", found->matched}, {"sample", std::move(sample)}});
                       });
}

void list(const GatewayState& state, const SharedCall& call) {
    const BulkDesk* desk = desk_of(state, call);
    if (desk == nullptr) return;
    ordered_json operations = ordered_json::array();
    for (const BulkOperation* each : desk->book().of_queue(call->queue->name)) operations.push_back(desk->json(*each));
    call->answer(200, {{"operations", std::move(operations)}});
}

void show(const GatewayState& state, const SharedCall& call) {
    if (const BulkOperation* operation = operation_of(state, call)) call->answer(200, state.bulk->json(*operation));
}

void abort(GatewayState& state, const SharedCall& call) {
    const BulkOperation* operation = operation_of(state, call);
    if (operation == nullptr) return;
    const Result<RetryBody> body = parse_retry_body(call->request.body);
    if (!body) return call->refuse(body.error());
    call->reason = body->reason;
    if (operation->state != BulkState::running) {
        return call->refuse(
            {.code = Error::Code::conflict,
             .message = "the operation is " + std::string(bulk_state_name(operation->state)) + " already"});
    }
    write_bulk(state, bulk_abort_message(*operation, call->who.name, body->reason, call->now),
               [&state, call, operation = *operation](const Result<Accepted>& accepted) {
                   if (!accepted) return call->refuse(accepted.error());
                   const BulkOperation* last = state.bulk->book().find(operation.name());
                   call->answer(202, state.bulk->json(last == nullptr ? operation : *last));
               });
}

void empty(GatewayState& state, const SharedCall& call) {
    const Result<RetryBody> body = parse_retry_body(call->request.body);
    if (!body || !body->edit.empty()) {
        return call->refuse(body ? Error{.code = Error::Code::invalid, .message = "edit is not a field of it"}
                                 : body.error());
    }
    drop_waiting(state, call, body->reason, [call](std::int64_t dropped) {
        call->answer(200, {{"queue", call->queue->name}, {"dropped", dropped}});
    });
}

void clean(GatewayState& state, const SharedCall& call) {
    Result<BulkOrder> order = parse_clean_order(call->queue->name, call->request.body, call->now);
    if (!order) return call->refuse(order.error());
    begin_bulk(state, call, std::move(*order));
}

void retry(GatewayState& state, const SharedCall& call) {
    if (call->query.has("queue")) {
        const std::string name(call->query.get("queue"));
        const auto queue = state.queues.find(name);
        if (!queue || !call->may(Role::view, queue->name)) {
            return call->refuse({.code = Error::Code::not_found, .message = "there is no queue " + name});
        }
        if (!allowed(state, call, Role::operate, queue->name)) return;
        if (!queue->queue.events) return retry_unseen_job(state, call);
    }
    with_job(state, call, [&state, call](const JobDetail& detail) {
        if (allowed(state, call, Role::operate, detail.job.key.queue)) retry_job(state, call, detail.job);
    });
}

}  // namespace

void add_bulk_routes(Routes& routes, GatewayState& state) {
    routes.add("POST", "/v1/jobs/{id}/retry",
               {Role::operate, [&state](const SharedCall& call) { retry(state, call); }});
    routes.add("POST", "/v1/queues/{queue}/bulk",
               {Role::operate, [&state](const SharedCall& call) { bulk(state, call); }});
    routes.add("POST", "/v1/queues/{queue}/empty",
               {Role::admin, [&state](const SharedCall& call) { empty(state, call); }});
    routes.add("POST", "/v1/queues/{queue}/clean",
               {Role::admin, [&state](const SharedCall& call) { clean(state, call); }});
    routes.add("GET", "/v1/queues/{queue}/bulk", {Role::view, [&state](const SharedCall& call) { list(state, call); }});
    routes.add("GET", "/v1/queues/{queue}/bulk/{operation}",
               {Role::view, [&state](const SharedCall& call) { show(state, call); }});
    routes.add("POST", "/v1/queues/{queue}/bulk/{operation}/abort",
               {Role::operate, [&state](const SharedCall& call) { abort(state, call); }});
}

}  // namespace drover::gateway
