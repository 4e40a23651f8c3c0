// The gateway's routes, in groups. Room: gateway. `state` outlives them.
#pragma once

#include "gateway/call.h"
#include "gateway/state.h"

namespace drover::gateway {

void add_submit_routes(Routes& routes, GatewayState& state);     // /v1/queues/{queue}/jobs
void add_job_routes(Routes& routes, GatewayState& state);        // /v1/jobs/{id}
void add_queue_routes(Routes& routes, GatewayState& state);      // /v1/queues
void add_watch_routes(Routes& routes, GatewayState& state);      // lag, workers, all queues as they change
void add_schedule_routes(Routes& routes, GatewayState& state);   // /v1/queues/{queue}/schedules
void add_bulk_routes(Routes& routes, GatewayState& state);       // many jobs at once, and failed ones again
void add_older_routes(Routes& routes, GatewayState& state);      // what front ends of older systems ask for
void add_operation_routes(Routes& routes, GatewayState& state);  // health, metrics, the OpenAPI document
void add_page_routes(Routes& routes);                            // the dashboard's files
bool is_page(std::string_view pattern);                          // one of them, which need no token

inline void add_all_routes(Routes& routes, GatewayState& state) {
    add_submit_routes(routes, state);
    add_job_routes(routes, state);
    add_queue_routes(routes, state);
    add_watch_routes(routes, state);
    add_schedule_routes(routes, state);
    add_bulk_routes(routes, state);
    add_older_routes(routes, state);
    add_operation_routes(routes, state);
    add_page_routes(routes);
}

}  // namespace drover::gateway
