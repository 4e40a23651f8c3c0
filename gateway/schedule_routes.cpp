// Cron schedules of a queue: PUT, GET and DELETE /v1/queues/{queue}/schedules/{name}.
#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"
#include "gateway/core/schedule.h"
#include "gateway/routes.h"
#include "gateway/submission_intake.h"
#include "src/jobqueue/names.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr int runs_shown = 5;

ordered_json schedule_json_of(const GatewayState& state, const KnownSchedule& known, Time now) {
    ordered_json json = ordered_json::parse(schedule_json(known.schedule));
    json["nextRuns"] = ordered_json::array();
    for (const Time at : next_runs(known, now, runs_shown)) json["nextRuns"].push_back(format_rfc3339(at));
    if (const ScheduleRun* run = state.schedules.run_of(known.schedule.queue, known.schedule.name)) {
        json["runs"] = run->runs;
        if (run->last_planned) {
            json["lastRun"] = {{"planned", format_rfc3339(*run->last_planned)}, {"job", run->last_job_id}};
            if (run->last_at) json["lastRun"]["at"] = format_rfc3339(*run->last_at);
        }
    }
    const auto trouble =
        state.scheduler_status.schedule_troubles.find(known.schedule.queue + "/" + known.schedule.name);
    if (trouble != state.scheduler_status.schedule_troubles.end()) json["trouble"] = trouble->second;
    return json;
}

Error no_schedule(const Call& call) {
    return {.code = Error::Code::not_found,
            .message = "queue " + call.queue->name + " has no schedule " + call.part("name")};
}

void write(GatewayState& state, ScheduleMessage message, JobSubmitter::Done done) {
    state.submitter->submit({.topic = std::string(jobqueue::gateway_topic),
                             .key = std::move(message.key),
                             .value = std::move(message.value),
                             .headers = {}},
                            std::move(done));
}

void put(GatewayState& state, const SharedCall& call) {
    const std::string& name = call->part("name");
    if (const jobqueue::Complaint complaint = jobqueue::check_dns_subdomain(name)) {
        return call->refuse({.code = Error::Code::invalid, .message = "the schedule's name " + *complaint});
    }
    Result<Schedule> schedule = parse_schedule(call->queue->name, name, call->request.body);
    if (!schedule) return call->refuse(schedule.error());
    // It was parsed before, with the schedule.
    if (const auto job = jobqueue::parse_submission(schedule->job)) {
        const Result<void> fits = check_job(*call->queue, *job, call->now);
        if (!fits) return call->refuse({.code = fits.error().code, .message = "job: " + fits.error().message});
    }
    schedule->by = call->who.name;
    schedule->at = call->now;
    const bool is_new = state.schedules.find(call->queue->name, name) == nullptr;
    const std::uint64_t records = state.schedules.records_of(call->queue->name, name);
    const ScheduleMessage message = schedule_message(*schedule);
    write(state, message, [&state, call, is_new, records, message](const Result<Accepted>& accepted) {
        if (!accepted) return call->refuse(accepted.error());
        // Known here at once, unless records that came meanwhile know better; everywhere once its own has been read.
        const std::string& queue = call->queue->name;
        if (state.schedules.records_of(queue, call->part("name")) == records) {
            const Time at = accepted->place ? accepted->place->timestamp : state.now();
            if (const auto known = state.schedules.apply(message.key, message.value, at); !known) {
                return call->refuse(known.error());
            }
        }
        call->answer(is_new ? 201 : 200, ordered_json::parse(*message.value));
    });
}

void remove(GatewayState& state, const SharedCall& call) {
    if (state.schedules.find(call->queue->name, call->part("name")) == nullptr) return call->refuse(no_schedule(*call));
    write(state, schedule_removal(call->queue->name, call->part("name")), [call](const Result<Accepted>& accepted) {
        if (!accepted) return call->refuse(accepted.error());
        call->reply({204, {}, {}, {}});
    });
}

}  // namespace

void add_schedule_routes(Routes& routes, GatewayState& state) {
    routes.add("GET", "/v1/queues/{queue}/schedules",
               {Role::view, [&state](const SharedCall& call) {
                    ordered_json list = ordered_json::array();
                    for (const KnownSchedule* each : state.schedules.of_queue(call->queue->name)) {
                        list.push_back(schedule_json_of(state, *each, call->now));
                    }
                    call->answer(200, {{"schedules", list}});
                }});
    routes.add("GET", "/v1/queues/{queue}/schedules/{name}",
               {Role::view, [&state](const SharedCall& call) {
                    const KnownSchedule* known = state.schedules.find(call->queue->name, call->part("name"));
                    if (known == nullptr) return call->refuse(no_schedule(*call));
                    call->answer(200, schedule_json_of(state, *known, call->now));
                }});
    routes.add("PUT", "/v1/queues/{queue}/schedules/{name}",
               {Role::operate, [&state](const SharedCall& call) { put(state, call); }});
    routes.add("DELETE", "/v1/queues/{queue}/schedules/{name}",
               {Role::operate, [&state](const SharedCall& call) { remove(state, call); }});
}

}  // namespace drover::gateway
