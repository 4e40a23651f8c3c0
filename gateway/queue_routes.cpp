// Queues: which there are, how they do, their jobs, and what can be done to a whole one.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"
#include "gateway/deeds.h"
#include "gateway/payload_search.h"
#include "gateway/queue_json.h"
#include "gateway/routes.h"
#include "src/jobqueue/units.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr int default_page = 50, largest_page = 1000;
constexpr std::size_t longest_text = 1024;
constexpr Duration default_window = std::chrono::hours(1), longest_window = std::chrono::hours(7 * 24);

void list_queues(GatewayState& state, const SharedCall& call) {
    state.view->ask([](JobView& view) { return view.counts(); },
                    [&state, call](const Result<QueueCounts>& counts) {
                        if (!counts) return call->refuse(counts.error());
                        ordered_json json{{"at", format_rfc3339(call->now)}};
                        json.update(queues_json(state, call->who, *counts));
                        call->answer(200, json);
                    });
}

void show_queue(GatewayState& state, const SharedCall& call) {
    const Result<Duration> window = call->query.window("window", default_window, longest_window);
    if (!window) return call->refuse(window.error());
    struct Answer {
        QueueCounts counts;
        QueueFigures figures;
        std::map<JobState, Time> oldest;
    };
    const Time since = call->now - *window;
    state.view->ask(
        [name = call->queue->name, since](JobView& view) -> Result<Answer> {
            auto counts = view.counts();
            if (!counts) return tl::unexpected(counts.error());
            auto figures = view.figures(name, since);
            if (!figures) return tl::unexpected(figures.error());
            auto oldest = view.oldest(name);
            if (!oldest) return tl::unexpected(oldest.error());
            return Answer{std::move(*counts), std::move(*figures), std::move(*oldest)};
        },
        [&state, call, since](const Result<Answer>& found) {
            if (!found) return call->refuse(found.error());
            ordered_json json = queue_json(state, *call->queue, found->counts);
            json["oldest"] = ordered_json::object();
            for (const auto& [job_state, at] : found->oldest) {
                json["oldest"][std::string(state_name(job_state))] = format_rfc3339(at);
            }
            json["figures"] = figures_json(found->figures, since, call->now);
            json["spec"] = ordered_json::parse(jobqueue::to_json(call->queue->queue)).at("spec");
            call->answer(200, json);
        });
}

Result<std::optional<Time>> time_of(const Query& query, std::string_view name) {
    if (!query.has(name)) return std::nullopt;
    const std::optional<Time> time = parse_rfc3339(query.get(name));
    if (time) return time;
    return failure(Error::Code::invalid, std::string(name) + " must be a time such as 2026-01-31T12:00:00Z");
}

Result<JobFilter> filter_of(const Query& query, const std::string& queue) {
    JobFilter filter{.queue = queue,
                     .states = {},
                     .type = std::string(query.get("type")),
                     .error_class = std::string(query.get("error")),
                     .label = std::string(query.get("label")),
                     .text = std::string(query.get("text"))};
    std::string_view states = query.get("state");
    while (!states.empty()) {
        const std::size_t end = std::min(states.find(','), states.size());
        const std::optional<JobState> one = parse_state(states.substr(0, end));
        if (!one || std::ranges::find(visible_states, *one) == visible_states.end()) {
            return failure(Error::Code::invalid,
                           "state must be of waiting, delayed, active, retrying, completed, failed and cancelled");
        }
        filter.states.push_back(*one);
        states.remove_prefix(std::min(end + 1, states.size()));
    }
    auto from = time_of(query, "from"), before = time_of(query, "before");
    if (!from) return tl::unexpected(from.error());
    if (!before) return tl::unexpected(before.error());
    filter.submitted_from = *from;
    filter.submitted_before = *before;
    return filter;
}

void answer_page(const SharedCall& call, const std::vector<Job>& jobs, const std::string& cursor) {
    ordered_json json{{"jobs", ordered_json::array()}};
    for (const Job& job : jobs) json["jobs"].push_back(job_json(job));
    if (!cursor.empty()) json["cursor"] = cursor;
    call->answer(200, json);
}

void list_jobs(GatewayState& state, const SharedCall& call) {
    const Result<JobFilter> filter = filter_of(call->query, call->queue->name);
    if (!filter) return call->refuse(filter.error());
    const auto limit = call->query.number("limit", default_page, 1, largest_page);
    if (!limit) return call->refuse(limit.error());
    if (call->query.get("payload").size() > longest_text) {
        return call->refuse({.code = Error::Code::invalid, .message = "payload must be at most 1 KiB long"});
    }
    state.view->ask([filter = *filter, cursor = std::string(call->query.get("cursor")),
                     limit = static_cast<int>(*limit)](JobView& view) { return view.list(filter, cursor, limit); },
                    [&state, call](const Result<JobPage>& page) {
                        if (!page) return call->refuse(page.error());
                        const std::string payload(call->query.get("payload"));
                        if (payload.empty()) return answer_page(call, page->jobs, page->cursor);
                        search_payloads(*state.records, page->jobs, payload,
                                        [call, cursor = page->cursor](const Result<std::vector<Job>>& jobs) {
                                            if (!jobs) return call->refuse(jobs.error());
                                            answer_page(call, *jobs, cursor);
                                        });
                    });
}

}  // namespace

void add_queue_routes(Routes& routes, GatewayState& state) {
    routes.add("GET", "/v1/queues", {Role::view, [&state](const SharedCall& call) { list_queues(state, call); }});
    routes.add("GET", "/v1/queues/{queue}",
               {Role::view, [&state](const SharedCall& call) { show_queue(state, call); }});
    routes.add("GET", "/v1/queues/{queue}/jobs",
               {Role::view, [&state](const SharedCall& call) { list_jobs(state, call); }});
    routes.add("POST", "/v1/queues/{queue}/pause",
               {Role::operate, [&state](const SharedCall& call) { pause_queue(state, call, true); }});
    routes.add("POST", "/v1/queues/{queue}/resume",
               {Role::operate, [&state](const SharedCall& call) { pause_queue(state, call, false); }});
}

}  // namespace drover::gateway
