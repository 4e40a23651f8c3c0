// The gateway's HTTP API as the command line uses it. Room: cli.
//
// Any thread, one call at a time. Errors carry what the gateway said, and what to do: `unavailable` where it cannot be
// reached, or says that its Kafka cannot; `unauthorized` where the token is missing, wrong, or may not do that.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "cli/gateway/answers.h"
#include "src/base/result.h"
#include "src/http/client.h"

namespace drover::cli {

struct GatewayAddress {
    std::string url;    // without a path at its end
    std::string token;  // "": none
    std::string ca;     // PEM text; "": whom the system trusts
};

struct JobQuery {
    std::string state, type, error, label, text, payload, from, before, cursor;  // as the API has them; "" for any
    int limit = 50;
};

struct RawAnswer {
    std::string body;
    std::string content_type;
    std::string key;  // of a payload: the ordering key, in base64
};

class GatewayApi {
public:
    static Result<std::unique_ptr<GatewayApi>> create(const GatewayAddress& address);

    const std::string& url() const { return url_; }
    // Of each call from now on, beside the time that it waits for a job.
    void limit(std::chrono::milliseconds timeout, std::stop_token stop = {});

    // `queue` is a name, or <namespace>.<name>.
    Result<Json> queues();
    Result<Json> queue(const std::string& queue);
    Result<Json> jobs(const std::string& queue, const JobQuery& query);
    Result<Json> errors(const std::string& queue, const std::string& window);
    Result<Json> lag(const std::string& queue, const std::string& window);
    Result<Json> workers(const std::string& queue);
    Result<Json> pause(const std::string& queue, bool paused, const std::string& reason);
    Result<Json> empty(const std::string& queue, const std::string& reason);
    Result<Json> clean(const std::string& queue, const Json& request);

    // `submission` as the API has it. An idempotency key makes it safe to send again.
    Result<Json> submit(const std::string& queue, const std::string& submission, const std::string& idempotency_key);
    Result<Json> submit_batch(const std::string& queue, const std::string& submissions);  // an array of them
    Result<Json> job(const std::string& id);
    // Once it has ended, or after `wait`: at most 60 s.
    Result<Json> job_after(const std::string& id, std::chrono::seconds wait);
    Result<Json> history(const std::string& id);
    Result<Json> logs(const std::string& id);
    Result<RawAnswer> payload(const std::string& id);
    Result<RawAnswer> result(const std::string& id);  // an empty body: it has none
    Result<Json> cancel(const std::string& id, const std::string& reason);
    Result<Json> retry(const std::string& id, const Json& request);
    Result<void> remove(const std::string& id);

    Result<Json> start_bulk(const std::string& queue, const Json& request);
    Result<Json> bulk_operations(const std::string& queue);
    Result<Json> bulk_operation(const std::string& queue, const std::string& id);
    Result<Json> abort_bulk(const std::string& queue, const std::string& id);

    Result<Json> schedules(const std::string& queue);
    Result<Json> schedule(const std::string& queue, const std::string& name);
    Result<Json> put_schedule(const std::string& queue, const std::string& name, const Json& schedule);
    Result<void> remove_schedule(const std::string& queue, const std::string& name);

    Result<Json> audit(int limit);

private:
    GatewayApi(std::string url, std::string token, std::unique_ptr<http::Client> client);

    http::ClientRequest request(std::string method, std::string target) const;
    Result<http::ClientResponse> send(const http::ClientRequest& request);
    Result<Json> get(std::string target);
    Result<Json> post(std::string target, const std::string& body, const std::string& idempotency_key = "");
    Result<Json> json_of(const Result<http::ClientResponse>& answer) const;
    Result<RawAnswer> raw(std::string target);

    std::string url_, token_;
    std::unique_ptr<http::Client> client_;
    std::chrono::milliseconds timeout_{30'000};
    std::stop_token stop_;
};

// Pure. As the error of a call: what the problem in `body` says.
Error problem_error(int status, std::string_view body, const std::string& url, bool has_token);
// Percent-encoded, for a path's part or a query's value.
std::string url_encoded(std::string_view text);

}  // namespace drover::cli
