#include "sidecar/faces.h"

#include <nlohmann/json.hpp>

namespace drover::sidecar {
namespace {

using nlohmann::json;

constexpr std::string_view jobs_prefix = "/v1/queues/", jobs_suffix = "/jobs";

// The {queue} of /v1/queues/{queue}/jobs; nothing for another path.
std::optional<std::string> queue_of(std::string_view path) {
    if (!path.starts_with(jobs_prefix) || !path.ends_with(jobs_suffix)) return std::nullopt;
    if (path.size() <= jobs_prefix.size() + jobs_suffix.size()) return std::nullopt;
    path.remove_prefix(jobs_prefix.size());
    path.remove_suffix(jobs_suffix.size());
    if (path.find('/') != std::string_view::npos) return std::nullopt;
    return std::string(path);
}

int status_of(const Error& error) {
    switch (error.code) {
        case Error::Code::invalid: return 400;
        case Error::Code::not_found: return 404;
        case Error::Code::conflict: return 409;
        case Error::Code::too_large: return 413;
        default: return 503;
    }
}

void submit(Sidecar& sidecar, const std::string& queue, const http::Request& request,
            const http::Server::Reply& reply) {
    Result<jobqueue::Submission> job = jobqueue::parse_submission(request.body);
    if (!job) return reply(http::problem(400, "Invalid job", job.error().message));
    if (job->payload.size() > static_cast<std::size_t>(sidecar.config().delivery.max_payload) &&
        queue == sidecar.config().queue) {
        return reply(http::problem(413, "Payload too large", "the payload is over the queue's limit"));
    }
    job->id = sidecar.new_job_id();
    job->traceparent = request.header("traceparent");
    sidecar.submit(queue, *job, [reply, id = job->id](const Result<kafka::Acknowledged>& outcome) {
        if (!outcome) return reply(http::problem(status_of(outcome.error()), "Not submitted", outcome.error().message));
        http::Response accepted = http::json_response(202, json{{"id", id}, {"state", "waiting"}}.dump());
        accepted.headers.push_back({"location", "/v1/jobs/" + id});
        reply(std::move(accepted));
    });
}

http::Response to_response(const Result<Sidecar::Heard>& heard) {
    if (!heard) return http::problem(status_of(heard.error()), "Not taken", heard.error().message);
    json body{{"cancel", heard->cancelled}, {"drain", heard->draining}};
    if (heard->expires_at != Time{}) body["expiresAt"] = format_rfc3339(heard->expires_at);
    return http::json_response(200, body.dump());
}

void answer(Sidecar& sidecar, request::LeaseRequest& wanted, const http::Request& request,
            const http::Server::Reply& reply) {
    const Result<Pulls::Id> waits =
        sidecar.lease(wanted, [reply](std::string jobs) { reply(http::json_response(200, std::move(jobs))); });
    if (!waits) return reply(http::problem(status_of(waits.error()), "Nothing to lease", waits.error().message));
    request.when_gone([&sidecar, pull = *waits] { sidecar.withdraw(pull); });
}
template <class About>
void answer(Sidecar& sidecar, About& about, const http::Request&, const http::Server::Reply& reply) {
    reply(to_response(sidecar.hear(std::move(about))));
}

bool may_drain(const Sidecar& sidecar, const http::Request& request) {
    const std::string& token = sidecar.config().drain_token;
    return token.empty() || request.header("drover-drain-token") == token;
}

// JSON may need six characters for a byte of the payload.
std::size_t most_bytes(const Sidecar& sidecar) {
    return std::max<std::size_t>(http::ServerOptions().max_body_bytes,
                                 6 * static_cast<std::size_t>(sidecar.config().delivery.max_payload));
}

http::Response health(bool healthy, std::string_view reason) {
    const json body{{"ok", healthy}, {"reason", reason}};  // which may quote whatever a broker said
    return http::json_response(healthy ? 200 : 503, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

http::Response readiness(const Stats& stats) {
    if (stats.drained) return health(false, "drained");
    if (!stats.joined) return health(false, stats.trouble.empty() ? "joining the consumer group" : stats.trouble);
    return health(true, stats.worker_reachable ? "" : "WorkerUnreachable: the worker's port does not answer");
}

}  // namespace

Result<std::unique_ptr<http::Server>> listen_to_app(boost::asio::io_context& io, Sidecar& sidecar) {
    const http::ServerOptions options{.port = static_cast<std::uint16_t>(sidecar.config().app_port),
                                      .max_body_bytes = most_bytes(sidecar)};
    auto server = http::Server::listen(
        io.get_executor(), options, [&sidecar](const http::Request& request, const http::Server::Reply& reply) {
            if (request.method != "POST")
                return reply(http::problem(405, "Method not allowed", "everything is POSTed"));
            if (const std::optional<std::string> queue = queue_of(request.path)) {
                return submit(sidecar, *queue, request, reply);
            }
            Result<WorkerRequest> asked = parse_worker_request(request.path, request.header("drover-lease"),
                                                               request.header("content-type"), request.body, {});
            if (!asked) {
                return reply(http::problem(status_of(asked.error()), "Not understood", asked.error().message));
            }
            std::visit([&](auto& what) { answer(sidecar, what, request, reply); }, *asked);
        });
    if (server) {
        sidecar.when_configured([&sidecar, &face = **server] { face.set_max_body_bytes(most_bytes(sidecar)); });
    }
    return server;
}

Result<std::unique_ptr<http::Server>> listen_to_probes(boost::asio::io_context& io, Sidecar& sidecar) {
    const http::ServerOptions options{.address = sidecar.config().probe_address,
                                      .port = static_cast<std::uint16_t>(sidecar.config().probe_port),
                                      .max_body_bytes = 1024};
    return http::Server::listen(
        io.get_executor(), options, [&sidecar](const http::Request& request, const http::Server::Reply& reply) {
            const auto& config = sidecar.config();
            if (request.path == "/healthz") return reply(health(true, ""));
            if (request.path == "/readyz") return reply(readiness(sidecar.stats()));
            if (request.path == "/stats") return reply(http::json_response(200, to_json(sidecar.stats())));
            if (request.path == "/metrics") {
                return reply({.headers = {{"content-type", "text/plain; version=0.0.4"}},
                              .body = to_metrics(sidecar.stats(), config.ns, config.queue)});
            }
            if (request.path != "/drain") return reply(http::problem(404, "Not found", "no " + request.path + " here"));
            if (!may_drain(sidecar, request)) return reply(http::problem(403, "Forbidden", "the drain token is wrong"));
            sidecar.drain([&sidecar, reply] { reply(http::json_response(200, to_json(sidecar.stats()))); });
        });
}

}  // namespace drover::sidecar
