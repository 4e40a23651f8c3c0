#include "cli/gateway/gateway_api.h"

#include <utility>

#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

std::string queue_path(const std::string& queue, const char* rest = "") {
    return "/v1/queues/" + url_encoded(queue) + rest;
}
std::string job_path(const std::string& id, const char* rest = "") { return "/v1/jobs/" + url_encoded(id) + rest; }

void add(std::string& target, const char* name, const std::string& value) {
    if (value.empty()) return;
    target.append(target.find('?') == std::string::npos ? "?" : "&").append(name).append("=");
    target.append(url_encoded(value));
}

std::string reason_body(const std::string& reason) {
    return reason.empty() ? std::string("{}") : compact({{"reason", reason}});
}

Error::Code code_of(int status) {
    switch (status) {
        case 400: return Error::Code::invalid;
        case 401:
        case 403: return Error::Code::unauthorized;
        case 404:
        case 410: return Error::Code::not_found;
        case 409: return Error::Code::conflict;
        case 413: return Error::Code::too_large;
        case 502:
        case 503: return Error::Code::unavailable;
        case 504: return Error::Code::timeout;
        default: return Error::Code::internal;
    }
}

std::string title_of(int status) {
    const std::string number = std::to_string(status);
    return status == 404 ? number + ": there is nothing at this address; is it a Drover gateway, and not an older one?"
                         : "it answers " + number;
}

}  // namespace

std::string url_encoded(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~')
            out += c;
        else
            out.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
    return out;
}

Error problem_error(int status, std::string_view body, const std::string& url, bool has_token) {
    const std::optional<Json> problem = parse_json(body);
    std::string said = problem ? one_line(text_of(*problem, "detail")) : "";
    if (said.empty() && problem) said = one_line(text_of(*problem, "title"));
    if (said.empty()) said = "the gateway at " + url + ": " + title_of(status);
    Error error{.code = code_of(status), .message = said, .retryable = status == 503 || status == 504 || status == 502};
    if (status == 401) {
        error.message += has_token ? "; the gateway at " + url + " does not know this token, or it has expired"
                                   : "; the gateway at " + url +
                                         " wants a token: --token-file FILE, DROVER_TOKEN, or one in the context";
    }
    return error;
}

Result<std::unique_ptr<GatewayApi>> GatewayApi::create(const GatewayAddress& address) {
    auto client = http::Client::create({.base = address.url, .tls = {.ca = address.ca}});
    if (!client) return tl::unexpected(client.error());
    return std::unique_ptr<GatewayApi>(new GatewayApi(address.url, address.token, std::move(*client)));
}

GatewayApi::GatewayApi(std::string url, std::string token, std::unique_ptr<http::Client> client)
    : url_(std::move(url)), token_(std::move(token)), client_(std::move(client)) {}

void GatewayApi::limit(std::chrono::milliseconds timeout, std::stop_token stop) {
    timeout_ = timeout;
    stop_ = std::move(stop);
}

http::ClientRequest GatewayApi::request(std::string method, std::string target) const {
    http::ClientRequest made{.method = std::move(method), .target = std::move(target)};
    made.repeatable = made.method == "GET";
    made.timeout = timeout_;
    if (!token_.empty()) made.headers.push_back({"authorization", "Bearer " + token_});
    return made;
}

Result<http::ClientResponse> GatewayApi::send(const http::ClientRequest& request) {
    auto answer = client_->send(request, stop_);
    if (!answer) {
        Error error = answer.error();
        if (error.code == Error::Code::unavailable || error.code == Error::Code::timeout) {
            error.message = "cannot reach the gateway at " + url_ + ": " + one_line(error.message) +
                            "; 'drover run' and 'drover gateway' start one, --gateway or a context names another";
        }
        return tl::unexpected(error);
    }
    if (answer->status < 200 || answer->status > 299)
        return tl::unexpected(problem_error(answer->status, answer->body, url_, !token_.empty()));
    return answer;
}

Result<Json> GatewayApi::json_of(const Result<http::ClientResponse>& answer) const {
    if (!answer) return tl::unexpected(answer.error());
    std::optional<Json> json = parse_json(answer->body);
    if (!json)
        return failure(Error::Code::internal,
                       "the gateway at " + url_ + " does not answer with JSON; is it a gateway?");
    return std::move(*json);
}

Result<Json> GatewayApi::get(std::string target) { return json_of(send(request("GET", std::move(target)))); }

Result<Json> GatewayApi::post(std::string target, const std::string& body, const std::string& idempotency_key) {
    http::ClientRequest made = request("POST", std::move(target));
    made.body = body;
    made.headers.push_back({"content-type", "application/json"});
    if (!idempotency_key.empty()) {
        made.headers.push_back({"idempotency-key", idempotency_key});
        made.repeatable = true;
    }
    return json_of(send(made));
}

Result<RawAnswer> GatewayApi::raw(std::string target) {
    const auto answer = send(request("GET", std::move(target)));
    if (!answer) return tl::unexpected(answer.error());
    return RawAnswer{answer->body, std::string(answer->header("content-type")),
                     std::string(answer->header("drover-key"))};
}

Result<Json> GatewayApi::queues() { return get("/v1/queues"); }
Result<Json> GatewayApi::queue(const std::string& queue) { return get(queue_path(queue)); }

Result<Json> GatewayApi::jobs(const std::string& queue, const JobQuery& query) {
    std::string target = queue_path(queue, "/jobs");
    add(target, "state", query.state);
    add(target, "type", query.type);
    add(target, "error", query.error);
    add(target, "label", query.label);
    add(target, "text", query.text);
    add(target, "payload", query.payload);
    add(target, "from", query.from);
    add(target, "before", query.before);
    add(target, "cursor", query.cursor);
    add(target, "limit", std::to_string(query.limit));
    return get(target);
}

Result<Json> GatewayApi::errors(const std::string& queue, const std::string& window) {
    std::string target = queue_path(queue, "/errors");
    add(target, "window", window);
    return get(target);
}

Result<Json> GatewayApi::lag(const std::string& queue, const std::string& window) {
    std::string target = queue_path(queue, "/lag");
    add(target, "window", window);
    return get(target);
}

Result<Json> GatewayApi::workers(const std::string& queue) { return get(queue_path(queue, "/workers")); }

Result<Json> GatewayApi::pause(const std::string& queue, bool paused, const std::string& reason) {
    return post(queue_path(queue, paused ? "/pause" : "/resume"), reason_body(reason));
}

Result<Json> GatewayApi::empty(const std::string& queue, const std::string& reason) {
    return post(queue_path(queue, "/empty"), reason_body(reason));
}

Result<Json> GatewayApi::clean(const std::string& queue, const Json& request) {
    return post(queue_path(queue, "/clean"), compact(request));
}

Result<Json> GatewayApi::submit(const std::string& queue, const std::string& submission,
                                const std::string& idempotency_key) {
    return post(queue_path(queue, "/jobs"), submission, idempotency_key);
}

Result<Json> GatewayApi::submit_batch(const std::string& queue, const std::string& submissions) {
    return post(queue_path(queue, "/jobs:batch"), submissions);
}

Result<Json> GatewayApi::job(const std::string& id) { return get(job_path(id)); }

Result<Json> GatewayApi::job_after(const std::string& id, std::chrono::seconds wait) {
    http::ClientRequest made = request("GET", job_path(id) + "?wait=" + std::to_string(wait.count()) + "s");
    made.timeout += wait;
    return json_of(send(made));
}

Result<Json> GatewayApi::history(const std::string& id) { return get(job_path(id, "/history")); }
Result<Json> GatewayApi::logs(const std::string& id) { return get(job_path(id, "/logs")); }
Result<RawAnswer> GatewayApi::payload(const std::string& id) { return raw(job_path(id, "/payload")); }
Result<RawAnswer> GatewayApi::result(const std::string& id) { return raw(job_path(id, "/result")); }

Result<Json> GatewayApi::cancel(const std::string& id, const std::string& reason) {
    return post(job_path(id, "/cancel"), reason_body(reason));
}

Result<Json> GatewayApi::retry(const std::string& id, const Json& request) {
    return post(job_path(id, "/retry"), compact(request));
}

Result<void> GatewayApi::remove(const std::string& id) {
    const auto answer = send(request("DELETE", job_path(id)));
    if (!answer) return tl::unexpected(answer.error());
    return {};
}

Result<Json> GatewayApi::start_bulk(const std::string& queue, const Json& request) {
    return post(queue_path(queue, "/bulk"), compact(request));
}
Result<Json> GatewayApi::bulk_operations(const std::string& queue) { return get(queue_path(queue, "/bulk")); }
Result<Json> GatewayApi::bulk_operation(const std::string& queue, const std::string& id) {
    return get(queue_path(queue, "/bulk/") + url_encoded(id));
}
Result<Json> GatewayApi::abort_bulk(const std::string& queue, const std::string& id) {
    return post(queue_path(queue, "/bulk/") + url_encoded(id) + "/abort", "{}");
}

Result<Json> GatewayApi::schedules(const std::string& queue) { return get(queue_path(queue, "/schedules")); }
Result<Json> GatewayApi::schedule(const std::string& queue, const std::string& name) {
    return get(queue_path(queue, "/schedules/") + url_encoded(name));
}

Result<Json> GatewayApi::put_schedule(const std::string& queue, const std::string& name, const Json& schedule) {
    http::ClientRequest made = request("PUT", queue_path(queue, "/schedules/") + url_encoded(name));
    made.body = compact(schedule);
    made.headers.push_back({"content-type", "application/json"});
    made.repeatable = true;
    return json_of(send(made));
}

Result<void> GatewayApi::remove_schedule(const std::string& queue, const std::string& name) {
    const auto answer = send(request("DELETE", queue_path(queue, "/schedules/") + url_encoded(name)));
    if (!answer) return tl::unexpected(answer.error());
    return {};
}

Result<Json> GatewayApi::audit(int limit) { return get("/v1/audit?limit=" + std::to_string(limit)); }

}  // namespace drover::cli
