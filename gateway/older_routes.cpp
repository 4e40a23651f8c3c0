// What front ends of older job systems ask for: Bull's admin routes, a task service's, check-status.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "gateway/bulk_deeds.h"
#include "gateway/core/job_json.h"
#include "gateway/core/older_json.h"
#include "gateway/deeds.h"
#include "gateway/job_lookup.h"
#include "gateway/queue_counts.h"
#include "gateway/routes.h"
#include "gateway/submission_intake.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t furthest_page = 10'000;
constexpr int pages_of = 1000;
constexpr Duration minutes_of_rates = std::chrono::hours(1);

// By its short name where it is in the default namespace, as these front ends know no other.
std::string short_name(const GatewayState& state, const std::string& name) {
    const std::string prefix = state.settings.default_namespace + ".";
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

bool is_paused(const GatewayState& state, const KnownQueue& queue) {
    const auto look = state.looks.find(queue.name);
    return queue.queue.paused || (look != state.looks.end() && !look->second.pauses.empty());
}

void status(GatewayState& state, const SharedCall& call) {
    state.view->ask([](JobView& view) { return view.counts(); },
                    [&state, call](const Result<QueueCounts>& counts) {
                        if (!counts) return call->refuse(counts.error());
                        std::vector<BullQueue> queues;
                        for (const auto& [name, queue] : state.queues.all()) {
                            if (!call->may(Role::view, name)) continue;
                            queues.push_back({.name = short_name(state, name),
                                              .counts = counts_of(state, name, *counts),
                                              .paused = is_paused(state, *queue)});
                        }
                        call->answer(200, bull_status(queues, call->now));
                    });
}

// Jobs `start` to `end` of a list, both counted.
Result<std::vector<Job>> slice(JobView& view, const JobFilter& filter, std::int64_t start, std::int64_t end) {
    std::vector<Job> jobs;
    std::string cursor;
    do {
        Result<JobPage> page = view.list(filter, cursor, pages_of);
        if (!page) return tl::unexpected(page.error());
        cursor = page->cursor;
        std::ranges::move(page->jobs, std::back_inserter(jobs));
    } while (!cursor.empty() && std::ssize(jobs) <= end);
    if (std::ssize(jobs) > end + 1) jobs.resize(static_cast<std::size_t>(end + 1));
    jobs.erase(jobs.begin(), jobs.begin() + std::min<std::ptrdiff_t>(start, std::ssize(jobs)));
    return jobs;
}

void list(GatewayState& state, const SharedCall& call) {
    const std::string_view wanted = call->query.has("status") ? call->query.get("status") : "waiting";
    const auto states = bull_states(wanted);
    if (!states) {
        return call->refuse({.code = Error::Code::invalid,
                             .message = "status must be waiting, active, completed, failed, delayed or paused"});
    }
    const auto start = call->query.number("start", 0, 0, furthest_page);
    const auto end = call->query.number("end", 10, 0, furthest_page);
    if (!start) return call->refuse(start.error());
    if (!end) return call->refuse(end.error());
    if ((wanted == "paused") != is_paused(state, *call->queue) && (wanted == "paused" || wanted == "waiting")) {
        return call->answer(200, ordered_json::array());  // all that waits is in the other list
    }
    state.view->ask([filter = JobFilter{.queue = call->queue->name, .states = *states}, start = *start,
                     end = *end](JobView& view) { return slice(view, filter, start, end); },
                    [call](const Result<std::vector<Job>>& jobs) {
                        if (!jobs) return call->refuse(jobs.error());
                        ordered_json json = ordered_json::array();
                        for (const Job& job : *jobs) json.push_back(bull_job(job));
                        call->answer(200, json);
                    });
}

// Of {queue} and {id}; answers as these front ends expect it where there is none.
void with_queues_job(GatewayState& state, const SharedCall& call, std::function<void(JobDetail)> then) {
    find_job(state, call, [call, then = std::move(then)](const JobWait::Found& found) {
        if (!found) return call->refuse(found.error());
        if (!*found) return call->answer(404, {{"error", "Job not found"}});
        then(**found);
    });
}

void test_send(GatewayState& state, const SharedCall& call, const TestSend& send) {
    call->queue = state.queues.find(send.queue);
    if (!call->queue || !call->may(Role::submit, call->queue->name)) {
        return call->refuse(
            {.code = Error::Code::not_found, .message = "there is no queue " + std::string(send.queue)});
    }
    const auto body = jobqueue::read_json(call->request.body);
    std::vector<std::string_view> missing = send.fields;
    if (body && body->kind() == jobqueue::JsonValue::Kind::object) {
        std::string buffer;
        for (jobqueue::JsonParts part(*body); part.next();) std::erase(missing, part.name(buffer));
    }
    if (!missing.empty()) {
        return call->refuse(
            {.code = Error::Code::invalid,
             .message = "the body must be a JSON object; " + std::string(missing.front()) + " is missing"});
    }
    const std::string submission =
        R"({"type":")" + std::string(send.type) + R"(","payload":)" + call->request.body + "}";
    Result<JobOrder> order = take_in(state, *call->queue, submission, "", call->now);
    if (!order) return call->refuse(order.error());
    const std::string id = order->id;
    send_order(state, *call->queue, std::move(*order), {}, call->now, [call, id](const Result<Accepted>& accepted) {
        if (!accepted) return call->refuse(accepted.error());
        call->answer(201, {{"success", true}, {"jobId", id}});
    });
}

void queue_status(GatewayState& state, const SharedCall& call) {
    struct Seen {
        QueueCounts counts;
        QueueFigures figures;
    };
    const Time since = call->now - minutes_of_rates;
    const std::string queue = call->query.has("queue") ? std::string(call->query.get("queue")) : "";
    const auto known = queue.empty() ? nullptr : state.queues.find(queue);
    if (!queue.empty() && (!known || !call->may(Role::view, known->name))) {
        return call->refuse({.code = Error::Code::not_found, .message = "there is no queue " + queue});
    }
    if (!known && !call->may(Role::view, "*")) {
        return call->refuse({.code = Error::Code::invalid, .message = "queue must name one that this token may view"});
    }
    const std::string name = known ? known->name : "";
    state.view->ask(
        [name, since](JobView& view) -> Result<Seen> {
            auto counts = view.counts();
            if (!counts) return tl::unexpected(counts.error());
            auto figures = view.figures(name, since);
            if (!figures) return tl::unexpected(figures.error());
            return Seen{std::move(*counts), std::move(*figures)};
        },
        [&state, call, name, since](const Result<Seen>& seen) {
            if (!seen) return call->refuse(seen.error());
            StateCounts sum;
            std::int64_t dead = 0;
            for (const auto& [each, queue_known] : state.queues.all()) {
                if (!name.empty() && each != name) continue;
                for (const auto& [job_state, count] : counts_of(state, each, seen->counts)) sum[job_state] += count;
                const auto look = state.looks.find(each);
                if (look != state.looks.end()) dead += look->second.figures.dead_letters.value_or(0);
            }
            const ordered_json figures = figures_json(seen->figures, since, call->now);
            const double failures = figures["failureRate"];
            call->answer(200, {{"queueDepth", sum[JobState::waiting] + sum[JobState::retrying]},
                               {"processing", sum[JobState::active]},
                               {"processingRatePerMinute", figures["perMinute"]},
                               {"failureRate", failures},
                               {"retryRate", figures["retryRate"]},
                               {"deadLetters", dead},
                               {"completionRate",
                                seen->figures.total.completed + seen->figures.total.failed == 0 ? 1.0 : 1 - failures},
                               {"meanProcessingTime", figures["run"]["mean"]},
                               {"errorsByType", figures["errors"]},
                               {"timestamp", format_rfc3339(call->now)}});
        });
}

// Whether the workers of a queue, or of all that the caller sees, can be reached.
void ai_status(const GatewayState& state, const SharedCall& call) {
    const std::string wanted(call->query.get("queue"));
    std::map<std::string, const WorkersBook::Entry*> seen;
    for (const auto& [name, queue] : state.queues.all()) {
        if (!call->may(Role::view, name) || (!wanted.empty() && queue != state.queues.find(wanted))) continue;
        seen.emplace(short_name(state, name), state.workers.find(name));
    }
    if (seen.empty() && !wanted.empty()) {
        return call->refuse({.code = Error::Code::not_found, .message = "there is no queue " + wanted});
    }
    call->answer(200, worker_status(seen, call->now));
}

void clean(GatewayState& state, const SharedCall& call) {
    Result<BulkOrder> order = parse_bull_clean_order(call->queue->name, call->request.body, call->now);
    if (!order) return call->refuse(order.error());
    begin_bulk(state, call, std::move(*order), [call](const BulkOperation& operation) {
        call->answer(200, {{"success", true}, {"operation", operation.id}});
    });
}

void check(GatewayState& state, const SharedCall& call) {
    find_job(state, call, [&state, call](const JobWait::Found& found) {
        if (!found) return call->refuse(found.error());
        if (!*found) return call->answer(404, {{"error", "unknown task id " + call->part("id")}});
        const auto eta = eta_of((*found)->job, {.mean_run = (*found)->job.busy}, call->now);
        call->answer(200, check_status(**found, eta, call->now));
    });
}

}  // namespace

void add_older_routes(Routes& routes, GatewayState& state) {
    routes.add("GET", "/queues/status", {Role::view, [&state](const SharedCall& call) { status(state, call); }});
    for (const TestSend& send : test_sends()) {
        routes.add("POST", send.path,
                   {Role::submit, [&state, &send](const SharedCall& call) { test_send(state, call, send); }});
    }
    routes.add("GET", "/queues/{queue}/jobs", {Role::view, [&state](const SharedCall& call) { list(state, call); }});
    routes.add("GET", "/queues/{queue}/jobs/{id}", {Role::view, [&state](const SharedCall& call) {
                                                        with_queues_job(state, call, [call](const JobDetail& detail) {
                                                            call->answer(200, bull_progress(detail.job));
                                                        });
                                                    }});
    routes.add("DELETE", "/queues/{queue}/jobs/{id}", {Role::operate, [&state](const SharedCall& call) {
                                                           with_queues_job(
                                                               state, call, [&state, call](const JobDetail& detail) {
                                                                   if (is_finished(detail.job.state))
                                                                       return delete_job(state, call, detail.job);
                                                                   cancel_job(state, call, detail.job);
                                                               });
                                                       }});
    routes.add("POST", "/queues/{queue}/pause",
               {Role::operate, [&state](const SharedCall& call) { pause_queue(state, call, true); }});
    routes.add("POST", "/queues/{queue}/resume",
               {Role::operate, [&state](const SharedCall& call) { pause_queue(state, call, false); }});
    routes.add("POST", "/queues/{queue}/jobs/{id}/retry",
               {Role::operate, [&state](const SharedCall& call) {
                    if (!call->queue->queue.events) return retry_unseen_job(state, call);
                    with_queues_job(state, call,
                                    [&state, call](const JobDetail& detail) { retry_job(state, call, detail.job); });
                }});
    routes.add("DELETE", "/queues/{queue}/empty", {Role::admin, [&state](const SharedCall& call) {
                                                       drop_waiting(state, call, "", [call](std::int64_t dropped) {
                                                           call->answer(200, {{"success", true}, {"dropped", dropped}});
                                                       });
                                                   }});
    routes.add("POST", "/queues/{queue}/clean",
               {Role::admin, [&state](const SharedCall& call) { clean(state, call); }});
    routes.add("GET", "/api/queue-status",
               {Role::view, [&state](const SharedCall& call) { queue_status(state, call); }});
    routes.add("GET", "/api/ai-status", {Role::view, [&state](const SharedCall& call) { ai_status(state, call); }});
    routes.add("GET", "/api/health",
               {Role::view, [&state](const SharedCall& call) {
                    const bool well = state.kafka_trouble.empty() && state.feeder.trouble.empty();
                    call->answer(200, {{"status", well ? "ok" : "degraded"},
                                       {"kafka", state.kafka_trouble.empty() ? "ok" : state.kafka_trouble},
                                       {"jobs", state.feeder.trouble.empty() ? "ok" : state.feeder.trouble},
                                       {"timestamp", format_rfc3339(call->now)}});
                }});
    routes.add("GET", "/api/check-status/{id}", {Role::view, [&state](const SharedCall& call) { check(state, call); }});
}

}  // namespace drover::gateway
