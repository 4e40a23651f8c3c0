// What those ask for who run the gateway: health, metrics, the API's document.
#include <nlohmann/json.hpp>

#include "gateway/openapi.h"
#include "gateway/routes.h"
#include "src/telemetry/health.h"

namespace drover::gateway {
namespace {

telemetry::Health health_of(const GatewayState& state) {
    telemetry::Health health;
    health.set("queues", state.has_read_log, state.has_read_log ? "" : "drover.gateway has not been read yet");
    health.set("view", state.feeder.trouble.empty(), state.feeder.trouble);
    health.set("scheduler", state.scheduler_status.trouble.empty(), state.scheduler_status.trouble);
    const JobSubmitter::Health submits = state.submitter->health();
    health.set("kafka", !submits.kafka_away_since, submits.kafka_trouble);
    health.set("spool", submits.spool_trouble.empty(), submits.spool_trouble);
    return health;
}

// Newest first; entries that are about no queue are for those who may see all.
void list_audit(const GatewayState& state, const SharedCall& call) {
    const auto limit = call->query.number("limit", 100, 1, 1000);
    if (!limit) return call->refuse(limit.error());
    const std::vector<AuditEntry> entries = state.audit.list(
        static_cast<std::size_t>(*limit), call->query.get("before"),
        [&](const AuditEntry& entry) { return call->may(Role::admin, entry.queue.empty() ? "*" : entry.queue); });
    std::string json = R"({"entries":[)";
    for (const AuditEntry& entry : entries) json += (&entry == entries.data() ? "" : ",") + audit_json(entry);
    json += "]}";
    call->reply(http::json_response(200, std::move(json)));
}

}  // namespace

void add_operation_routes(Routes& routes, GatewayState& state) {
    routes.add("GET", "/healthz", {Role::view, [&state](const SharedCall& call) {
                                       const telemetry::Health health = health_of(state);
                                       call->reply(http::json_response(health.live() ? 200 : 503, health.json()));
                                   }});
    routes.add("GET", "/readyz",
               {Role::view, [&state](const SharedCall& call) {
                    // Jobs are taken while the view is away, and Kafka: only what submits cannot do without counts.
                    call->reply(http::json_response(state.knows_queues ? 200 : 503, health_of(state).json()));
                }});
    routes.add("GET", "/metrics",
               {Role::view, [&state](const SharedCall& call) {
                    call->reply({200, {{"content-type", "text/plain; version=0.0.4"}}, state.metrics.text(), {}});
                }});
    routes.add("GET", "/v1/audit", {Role::admin, [&state](const SharedCall& call) { list_audit(state, call); }});
    routes.add("GET", "/v1/openapi.json", {Role::view, [](const SharedCall& call) {
                                               call->reply(http::json_response(200, std::string(openapi_document())));
                                           }});
}

}  // namespace drover::gateway
