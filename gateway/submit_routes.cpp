// Jobs come in: POST /v1/queues/{queue}/jobs, one, and /jobs:batch, many.
#include <algorithm>
#include <memory>

#include "gateway/core/job_order.h"
#include "gateway/routes.h"
#include "gateway/submission_intake.h"
#include "src/base/digest.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {
namespace {

constexpr std::size_t most_in_batch = 1000;
constexpr std::size_t longest_key = 255;
constexpr std::size_t most_around_payload = 256 * 1024;  // of a job's body: its other fields, escapes and white space

std::string location_of(const std::string& id) { return "/v1/jobs/" + id; }

std::string traceparent_of(const Call& call) { return std::string(call.request.header("traceparent")); }

// Written without a tree, as a batch has many.
void append_job(std::string& out, std::string_view id, std::string_view job_state, std::string_view error = {}) {
    jobqueue::append_json_string(out += R"({"id":)", id);
    jobqueue::append_json_string(out += R"(,"state":)", job_state);
    if (!error.empty()) jobqueue::append_json_string(out += R"(,"error":)", error);
    out += '}';
}

http::Response submitted(const std::string& id, std::string_view job_state) {
    std::string body;
    append_job(body, id, job_state);
    http::Response response = http::json_response(202, std::move(body));
    response.headers.push_back({"location", location_of(id)});
    return response;
}

Error refused_key(KeyBook::Answer answer) {
    return {.code = Error::Code::conflict,
            .message = answer == KeyBook::Answer::busy
                           ? "a request with this key is on its way: ask again"
                           : "another request came under this Idempotency-Key: its body was different"};
}

// "": none.
Result<std::string_view> idempotency_key_of(const Call& call) {
    const std::string_view key = call.request.header("idempotency-key");
    if (key.size() <= longest_key) return key;
    return failure(Error::Code::invalid, "Idempotency-Key is longer than 255 bytes");
}

void submit_one(GatewayState& state, const SharedCall& call) {
    const Result<std::string_view> key = idempotency_key_of(*call);
    if (!key) return call->refuse(key.error());
    // Reading it would keep the others waiting, for nothing.
    const auto most = static_cast<std::size_t>(call->queue->queue.delivery.max_payload) + most_around_payload;
    if (call->request.body.size() > most) {
        return call->refuse({.code = Error::Code::too_large,
                             .message = "the body has " + std::to_string(call->request.body.size()) +
                                        " bytes, and a job of this queue at most " + std::to_string(most)});
    }
    Result<JobOrder> order = take_in(state, *call->queue, call->request.body, traceparent_of(*call), call->now, *key);
    if (!order) return call->refuse(order.error());
    KeyClaim claim = claim_keys(state, *call->queue, *order, *key, call->request.body, call->now);
    const std::string state_now = order->due ? "delayed" : "waiting";
    if (claim.answer == KeyBook::Answer::known) return call->reply(submitted(claim.job_id, "known"));
    if (claim.answer != KeyBook::Answer::fresh) return call->refuse(refused_key(claim.answer));
    send_order(state, *call->queue, std::move(*order), std::move(claim.held), call->now,
               [call, id = claim.job_id, state_now](const Result<Accepted>& accepted) {
                   if (!accepted) return call->refuse(accepted.error());
                   call->reply(submitted(id, state_now));
               });
}

// What became of a batch so far; it answers when the last one is settled.
struct BatchAnswer {
    struct OfJob {
        std::string id;
        std::string_view state;
        std::string error{};
    };
    SharedCall call;
    std::vector<OfJob> jobs;
    std::size_t open = 0, refused = 0;

    void settle(std::size_t index, const Result<Accepted>& accepted) {
        if (!accepted) {
            ++refused;
            jobs[index].state = "refused";
            jobs[index].error = accepted.error().message;
        }
        if (--open > 0) return;
        std::string body = R"({"jobs":[)";
        for (const OfJob& job : jobs) {
            if (&job != jobs.data()) body += ',';
            append_job(body, job.id, job.state, job.error);
        }
        const int status = refused == 0 ? 202 : refused == jobs.size() ? 503 : 207;
        call->reply(http::json_response(status, body += "]}"));
    }
};

// Nothing is submitted where one of them is wrong. Under an Idempotency-Key each job has a key of its own, the batch's
// and its place, so that a batch of which a part was taken can come again, too.
void submit_batch(GatewayState& state, const SharedCall& call) {
    const Result<std::string_view> batch_key = idempotency_key_of(*call);
    if (!batch_key) return call->refuse(batch_key.error());
    const auto key_of = [&](std::size_t i) {
        // A line end: no header has one, so no single job has such a key.
        return batch_key->empty() ? std::string() : std::string(*batch_key) + "\n" + std::to_string(i);
    };
    const auto json = jobqueue::read_json(call->request.body);
    if (!json || json->kind() != jobqueue::JsonValue::Kind::array) {
        return call->refuse(
            {.code = Error::Code::invalid,
             .message = json ? "the body must be a JSON array of jobs" : "the body " + json.error().message});
    }
    std::vector<JobOrder> orders;
    std::string problems;
    std::size_t index = 0;
    Error::Code code = Error::Code::invalid;
    for (jobqueue::JsonParts part(*json); part.next(); ++index) {
        if (index == most_in_batch) {
            return call->refuse({.code = Error::Code::too_large,
                                 .message = "a batch has at most " + std::to_string(most_in_batch) + " jobs"});
        }
        Result<JobOrder> order =
            take_in(state, *call->queue, part.value().text(), traceparent_of(*call), call->now, key_of(index));
        if (order) {
            orders.push_back(std::move(*order));
            continue;
        }
        code = order.error().code;
        problems += (problems.empty() ? "[" : "; [") + std::to_string(index) + "]: " + order.error().message;
    }
    if (!problems.empty()) return call->refuse({.code = code, .message = problems});
    if (orders.empty()) return call->reply(http::json_response(202, R"({"jobs":[]})"));

    const std::string body = batch_key->empty() ? "" : sha256_hex(call->request.body);
    std::vector<KeyClaim> claims;
    for (std::size_t i = 0; i < orders.size(); ++i) {
        claims.push_back(claim_keys(state, *call->queue, orders[i], key_of(i), body, call->now));
        if (claims.back().answer != KeyBook::Answer::conflict) continue;
        for (const KeyClaim& claim : claims) {
            for (const SubmitKey& key : claim.held) state.keys.withdraw(key);
        }
        return call->refuse(refused_key(KeyBook::Answer::conflict));
    }

    auto answer = std::make_shared<BatchAnswer>();
    answer->call = call;
    answer->open = orders.size();
    for (const JobOrder& order : orders) {
        answer->jobs.push_back({order.id, order.due ? "delayed" : "waiting"});
    }
    for (std::size_t i = 0; i < orders.size(); ++i) {
        KeyClaim& claim = claims[i];
        if (claim.answer != KeyBook::Answer::fresh) {
            if (claim.answer == KeyBook::Answer::known) answer->jobs[i] = {claim.job_id, "known"};
            const Result<Accepted> outcome = claim.answer == KeyBook::Answer::known
                                                 ? Result<Accepted>(Accepted{})
                                                 : tl::unexpected(refused_key(claim.answer));
            answer->settle(i, outcome);
            continue;
        }
        send_order(state, *call->queue, std::move(orders[i]), std::move(claim.held), call->now,
                   [answer, i](const Result<Accepted>& accepted) { answer->settle(i, accepted); });
    }
}

}  // namespace

void add_submit_routes(Routes& routes, GatewayState& state) {
    routes.add("POST", "/v1/queues/{queue}/jobs",
               {Role::submit, [&state](const SharedCall& call) { submit_one(state, call); }});
    routes.add("POST", "/v1/queues/{queue}/jobs:batch",
               {Role::submit, [&state](const SharedCall& call) { submit_batch(state, call); }});
}

}  // namespace drover::gateway
