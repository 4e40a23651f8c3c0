#include "gateway/job_lookup.h"

#include <chrono>
#include <string_view>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

// A job of this age that nobody knows may have been submitted through another gateway, and be on its way to the view.
constexpr auto on_its_way = 5s;
constexpr auto way_to_the_view = 2s;

// When a UUIDv7 was made.
std::optional<Time> made_at(const std::string& id) {
    if (id.size() != 36 || id[14] != '7') return std::nullopt;
    std::int64_t millis = 0;
    for (const char c : id.substr(0, 8) + id.substr(9, 4)) {
        const std::size_t digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        millis = millis * 16 + static_cast<std::int64_t>(digit);
    }
    return time_from_millis(millis);
}

bool is_fresh(const std::string& id, Time now) {
    const std::optional<Time> made = made_at(id);
    return made && *made > now - on_its_way && *made < now + on_its_way;
}

bool sees(const Call& call, const std::string& queue) {
    return call.may(Role::view, queue) && (!call.queue || call.queue->name == queue);
}

std::optional<JobDetail> newest_visible(const Call& call, const std::vector<JobDetail>& found) {
    const JobDetail* newest = nullptr;
    for (const JobDetail& each : found) {
        if (!sees(call, each.job.key.queue)) continue;
        if (newest == nullptr || each.job.updated_at > newest->job.updated_at) newest = &each;
    }
    return newest == nullptr ? std::nullopt : std::optional(*newest);
}

std::optional<JobDetail> recent_job(const GatewayState& state, const Call& call) {
    const Job* recent = state.recent.find(call.part("id"), call.now);
    if (recent == nullptr || !sees(call, recent->key.queue)) return std::nullopt;
    return JobDetail{*recent, {}};
}

}  // namespace

Error unknown_job(const std::string& id) {
    return {.code = Error::Code::not_found,
            .message = "there is no job " + id +
                       ", or it ended longer ago than its queue keeps jobs (spec.retention), or its queue tells no "
                       "events (spec.events)"};
}

std::optional<JobDetail> visible_job(const GatewayState& state, const Call& call, const std::vector<JobDetail>& found) {
    std::optional<JobDetail> newest = newest_visible(call, found);
    return newest ? newest : recent_job(state, call);
}

void find_job(GatewayState& state, const SharedCall& call, JobWait::Answer then) {
    // The view may learn of the job, so that it is no recent one any more, after its answer was read without it.
    state.view->ask(
        [id = call->part("id")](JobView& view) { return view.jobs(id); },
        [&state, call, then = std::move(then), recent = recent_job(state, *call)](const JobFollower::Found& found) {
            if (!found) return then(tl::unexpected(found.error()));
            std::optional<JobDetail> detail = newest_visible(*call, *found);
            if (!detail) detail = recent;
            if (detail || !is_fresh(call->part("id"), call->now)) return then(detail);
            JobWait::start(
                state, call, way_to_the_view, [](const JobDetail&) { return true; }, then);
        },
        ViewReaders::Cost::few_rows);
}

void with_job(GatewayState& state, const SharedCall& call, std::function<void(JobDetail)> then) {
    find_job(state, call, [call, then = std::move(then)](const JobWait::Found& found) {
        if (!found) return call->refuse(found.error());
        if (!*found) return call->refuse(unknown_job(call->part("id")));
        then(**found);
    });
}

bool allowed(const GatewayState& state, const SharedCall& call, Role role, const std::string& queue) {
    call->queue = state.queues.find(queue);
    if (call->may(role, queue)) return true;
    call->refuse({.code = Error::Code::unauthorized,
                  .message = "this token may not " + std::string(role_name(role)) + " " + queue});
    return false;
}

}  // namespace drover::gateway
