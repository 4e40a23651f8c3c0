#include "gateway/job_lookup.h"

namespace drover::gateway {

Error unknown_job(const std::string& id) {
    return {.code = Error::Code::not_found,
            .message = "there is no job " + id +
                       ", or it ended longer ago than its queue keeps jobs (spec.retention), or its queue tells no "
                       "events (spec.events)"};
}

std::optional<JobDetail> visible_job(const GatewayState& state, const Call& call, const std::vector<JobDetail>& found) {
    const JobDetail* newest = nullptr;
    for (const JobDetail& each : found) {
        if (!call.may(Role::view, each.job.key.queue)) continue;
        if (newest == nullptr || each.job.updated_at > newest->job.updated_at) newest = &each;
    }
    if (newest != nullptr) return *newest;
    const Job* recent = state.recent.find(call.part("id"), call.now);
    if (recent != nullptr && call.may(Role::view, recent->key.queue)) return JobDetail{*recent, {}};
    return std::nullopt;
}

void with_job(GatewayState& state, const SharedCall& call, std::function<void(JobDetail)> then) {
    state.view->ask([id = call->part("id")](JobView& view) { return view.jobs(id); },
                    [&state, call, then = std::move(then)](const JobFollower::Found& found) {
                        if (!found) return call->refuse(found.error());
                        std::optional<JobDetail> detail = visible_job(state, *call, *found);
                        if (!detail) return call->refuse(unknown_job(call->part("id")));
                        then(std::move(*detail));
                    },
                    ViewReaders::Cost::few_rows);
}

bool allowed(const GatewayState& state, const SharedCall& call, Role role, const std::string& queue) {
    call->queue = state.queues.find(queue);
    if (call->may(role, queue)) return true;
    call->refuse({.code = Error::Code::unauthorized,
                  .message = "this token may not " + std::string(role_name(role)) + " " + queue});
    return false;
}

}  // namespace drover::gateway
