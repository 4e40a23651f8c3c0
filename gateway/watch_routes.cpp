// What people look at while a queue works: its lag and scaling over time, who works on what, all queues as they change.
#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "gateway/core/error_groups.h"
#include "gateway/core/job_json.h"
#include "gateway/queue_json.h"
#include "gateway/queue_stream.h"
#include "gateway/routes.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t most_points = 360;
constexpr int most_active_jobs = 1000;  // that are looked at for who works on what
constexpr std::size_t jobs_shown = 20;  // of a pod
constexpr int jobs_at_once = 1000;
constexpr std::int64_t most_failed_jobs = 20'000;  // the newest, that are grouped
constexpr Duration longest_errors = std::chrono::hours(30 * 24);

void show_lag(const GatewayState& state, const SharedCall& call) {
    const Result<Duration> window = call->query.window("window", std::chrono::hours(1), std::chrono::hours(24));
    if (!window) return call->refuse(window.error());
    const Time since = call->now - *window;
    ordered_json json{{"queue", call->queue->name}, {"samples", ordered_json::array()}};
    const auto history = state.lags.find(call->queue->name);
    if (history != state.lags.end()) {
        for (const LagPoint& each : history->second.points(since, call->now, most_points)) {
            ordered_json point{
                {"at", format_rfc3339(each.at)}, {"lag", each.lag}, {"backlog", each.backlog}, {"dead", each.dead}};
            if (each.workers) point["replicas"] = *each.workers;
            json["samples"].push_back(std::move(point));
        }
    }
    json["decisions"] = ordered_json::array();
    for (const ScalingStep& step : state.workers.steps(call->queue->name, since)) {
        json["decisions"].push_back(scaling_step_json(step));
    }
    call->answer(200, json);
}

ordered_json workers_json(const JobPage& page) {
    std::map<std::string, std::vector<const Job*>> pods;
    for (const Job& job : page.jobs) pods[job.pod].push_back(&job);
    ordered_json json{{"workers", ordered_json::array()}, {"more", !page.cursor.empty()}};
    for (auto& [pod, jobs] : pods) {
        std::ranges::sort(jobs, {}, [](const Job* job) { return job->started_at.value_or(job->since); });
        Time last{};
        for (const Job* job : jobs) last = std::max(last, job->updated_at);
        ordered_json worker{{"pod", pod}, {"active", jobs.size()}, {"lastSeenAt", format_rfc3339(last)}};
        jobs.resize(std::min(jobs.size(), jobs_shown));
        for (const Job* job : jobs) worker["jobs"].push_back(job_json(*job));
        json["workers"].push_back(std::move(worker));
    }
    return json;
}

void show_workers(GatewayState& state, const SharedCall& call) {
    JobFilter filter;
    filter.queue = call->queue->name;
    filter.states = {JobState::active};
    state.view->ask([filter](JobView& view) { return view.list(filter, "", most_active_jobs); },
                    [call](const Result<JobPage>& page) {
                        if (!page) return call->refuse(page.error());
                        call->answer(200, workers_json(*page));
                    });
}

struct FailedJobs {
    ErrorGroups groups;
    std::int64_t count = 0;
    bool more = false;
};

Result<FailedJobs> failed_since(JobView& view, const std::string& queue, Time since) {
    JobFilter filter;
    filter.queue = queue;
    filter.states = {JobState::failed};
    FailedJobs failed;
    std::string cursor;
    do {
        const Result<JobPage> page = view.list(filter, cursor, jobs_at_once);
        if (!page) return tl::unexpected(page.error());
        for (const Job& job : page->jobs) {
            if (job.finished_at.value_or(job.since) < since) continue;
            failed.groups.add(job);
            ++failed.count;
        }
        cursor = page->cursor;
    } while (!cursor.empty() && failed.count < most_failed_jobs);
    failed.more = !cursor.empty();
    return failed;
}

void show_errors(GatewayState& state, const SharedCall& call) {
    const Result<Duration> window = call->query.window("window", longest_errors, longest_errors);
    if (!window) return call->refuse(window.error());
    state.view->ask([queue = call->queue->name,
                     since = call->now - *window](JobView& view) { return failed_since(view, queue, since); },
                    [call](const Result<FailedJobs>& failed) {
                        if (!failed) return call->refuse(failed.error());
                        ordered_json json{{"queue", call->queue->name}, {"groups", ordered_json::array()}};
                        for (const ErrorGroup& each : failed->groups.by_count()) {
                            json["groups"].push_back(error_group_json(each));
                        }
                        json["jobs"] = failed->count;
                        json["more"] = failed->more;
                        call->answer(200, json);
                    });
}

// Who the caller is, and what that lets them do.
void show_me(const GatewayState& state, const SharedCall& call) {
    ordered_json json{{"name", call->who.name}, {"open", state.access->is_open()}, {"roles", ordered_json::object()}};
    for (const std::string& queues : call->who.queues) {
        ordered_json& roles = json["roles"][queues] = ordered_json::array();
        for (const Role role : {Role::submit, Role::view, Role::operate, Role::admin}) {
            if (may_somewhere(call->who, role)) roles.push_back(role_name(role));
        }
    }
    call->answer(200, json);
}

}  // namespace

void add_watch_routes(Routes& routes, GatewayState& state) {
    routes.add("GET", "/v1/queues/{queue}/lag",
               {Role::view, [&state](const SharedCall& call) { show_lag(state, call); }});
    routes.add("GET", "/v1/queues/{queue}/workers",
               {Role::view, [&state](const SharedCall& call) { show_workers(state, call); }});
    routes.add("GET", "/v1/queues/{queue}/errors",
               {Role::view, [&state](const SharedCall& call) { show_errors(state, call); }});
    routes.add("GET", "/v1/events", {Role::view, [&state](const SharedCall& call) { stream_queues(state, call); }});
    routes.add("GET", "/v1/me", {std::nullopt, [&state](const SharedCall& call) { show_me(state, call); }});
}

}  // namespace drover::gateway
