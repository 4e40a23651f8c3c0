#include "cli/gateway/submit_to_gateway.h"

#include <iostream>
#include <thread>

#include "cli/figures.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/waiting.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_in_batch = 1000, largest_batch = 8 * 1024 * 1024;

// Again until `patience` is over where the gateway is away. A request whose answer got lost is not repeated: its jobs
// may be there.
template <class Call>
Result<Json> patiently(Duration patience, Call call) {
    const auto deadline = Clock::now() + patience;
    for (;;) {
        auto answer = call();
        const bool again = !answer && answer.error().code == Error::Code::unavailable;
        if (!again || Clock::now() >= deadline) return answer;
        std::this_thread::sleep_for(200ms);
    }
}

struct Submitted {
    std::vector<std::string> ids;
    std::int64_t refused = 0;
    std::string first_refusal;
};

void take(const Json& answer, Submitted& submitted) {
    for (const Json& job : list_of(answer, "jobs")) {
        const std::string error = text_of(job, "error");
        if (error.empty()) {
            submitted.ids.push_back(text_of(job, "id"));
        } else {
            if (submitted.refused++ == 0) submitted.first_refusal = error;
        }
    }
}

Result<Submitted> submit_all(GatewayOrder& order, GatewayApi& api, const std::string& queue,
                             const std::string& shared) {
    Submitted submitted;
    std::string batch;
    std::size_t in_batch = 0;
    const auto flush = [&]() -> Result<void> {
        if (in_batch == 0) return {};
        const auto answer = patiently(order.patience, [&] { return api.submit_batch(queue, "[" + batch + "]"); });
        if (!answer) {
            Error error = answer.error();
            if (!submitted.ids.empty())
                error.message.append("; ")
                    .append(std::to_string(submitted.ids.size()))
                    .append(" jobs were submitted before");
            return tl::unexpected(error);
        }
        take(*answer, submitted);
        batch.clear();
        in_batch = 0;
        return {};
    };
    for (auto job = order.jobs(); job; job = order.jobs()) {
        if (!*job) return tl::unexpected(job->error());
        auto submission = submission_of(shared, (*job)->payload);
        if (!submission) return tl::unexpected(submission.error());
        if (batch.size() + submission->size() > largest_batch || in_batch == most_in_batch) {
            if (auto sent = flush(); !sent) return tl::unexpected(sent.error());
        }
        batch.append(in_batch == 0 ? "" : ",").append(*submission);
        ++in_batch;
    }
    if (auto sent = flush(); !sent) return tl::unexpected(sent.error());
    return submitted;
}

int submit_many(GatewayOrder& order, const Gateway& gateway, const std::string& queue, const std::string& shared,
                const Environment& environment) {
    const auto began = Clock::now();
    const auto submitted = submit_all(order, *gateway.api, queue, shared);
    if (!submitted) return complain(submitted.error());
    const auto count = static_cast<std::int64_t>(submitted->ids.size());
    if (order.output == "json") {
        std::cout << pretty({{"queue", queue}, {"ids", submitted->ids}, {"refused", submitted->refused}}) << std::endl;
    } else {
        const double seconds = std::max(std::chrono::duration<double>(Clock::now() - began).count(), 1e-3);
        std::cout << with_thousands(count) << (count == 1 ? " job" : " jobs") << " submitted to " << queue << ", "
                  << per_second(static_cast<double>(count) / seconds) << "/s" << std::endl;
    }
    int code = 0;
    if (submitted->refused > 0) {
        std::cerr << "drover: " << with_thousands(submitted->refused)
                  << " jobs were not submitted: " << one_line(submitted->first_refusal) << '\n';
        code = 1;
    }
    if (!order.wait) return code;
    const int waited = wait_for_jobs(*gateway.api, submitted->ids, Ids::were_there, *order.wait, environment);
    return waited == 0 ? code : waited;
}

int submit_one(GatewayOrder& order, const Gateway& gateway, const std::string& queue, const std::string& shared,
               const Environment& environment) {
    const auto job = order.jobs();
    if (!job) return complain({Error::Code::invalid, "there is no job to submit"});
    if (!*job) return complain(job->error());
    const auto submission = submission_of(shared, (*job)->payload);
    if (!submission) return complain(submission.error());
    const auto answer =
        patiently(order.patience, [&] { return gateway.api->submit(queue, *submission, order.idempotency_key); });
    if (!answer) return complain(answer.error());
    const std::string id = text_of(*answer, "id");
    const bool json = order.output == "json";
    if (!json)
        std::cout << one_line(id) << std::endl;
    else if (!order.wait)
        print(*answer);
    if (!order.wait) return 0;
    return wait_for_job(*gateway.api, id, *order.wait, json ? TellEnd::json : TellEnd::line, environment);
}

}  // namespace

int submit_to_gateway(GatewayOrder& order, const Environment& environment) {
    const auto shared = shared_fields(order.fields);
    if (!shared) return complain(shared.error());
    const auto gateway = open_gateway(order.gateway, environment);
    if (!gateway) return complain(gateway.error());
    const auto queue = which_queue(*gateway, order.queue);
    if (!queue) return complain(queue.error());
    return order.many ? submit_many(order, *gateway, *queue, *shared, environment)
                      : submit_one(order, *gateway, *queue, *shared, environment);
}

}  // namespace drover::cli
