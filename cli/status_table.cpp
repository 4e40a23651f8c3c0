#include "cli/status_table.h"

#include "cli/columns.h"
#include "cli/figures.h"
#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

struct StateLook {
    const char* mark;
    const char* word;
    Style style;
};
StateLook look_of(QueueState state) {
    switch (state) {
        case QueueState::starting: return {"◌", "Starting", Style::dim};
        case QueueState::active: return {"●", "Active", Style::green};
        case QueueState::idle: return {"○", "Idle", Style::dim};
        case QueueState::paused: return {"‖", "Paused", Style::yellow};
        case QueueState::worker_unreachable: return {"✕", "No worker", Style::red};
        case QueueState::kafka_unreachable: return {"✕", "No Kafka", Style::red};
        case QueueState::draining: return {"◐", "Draining", Style::yellow};
    }
    return {"?", "Unknown", Style::red};
}

// Zeros step back, so that what happens stands out.
Span number(std::int64_t value, Style style = Style::plain) {
    return {with_thousands(value), value == 0 ? Style::dim : style};
}
Span workers(const QueueStatus& queue) {
    if (queue.replicas == queue.wanted) return number(queue.replicas);
    return {with_thousands(queue.replicas) + "→" + with_thousands(queue.wanted), Style::yellow};
}
Span time(const std::optional<Duration>& value) {
    return value ? Span{latency(*value), Style::plain} : Span{"–", Style::dim};
}

}  // namespace

std::vector<std::string> render_table(const RunStatus& status, int width, bool color) {
    Column names{.heading = "QUEUE", .to_the_right = false};
    Column state{.heading = "STATE", .importance = 6, .least_width = 9, .to_the_right = false};
    Column scale{.heading = "WORKERS", .importance = 7};
    Column waiting{.heading = "WAITING", .importance = 11, .least_width = 7};
    Column active{.heading = "ACTIVE", .importance = 8};
    Column retrying{.heading = "RETRYING", .importance = 4};
    Column completed{.heading = "COMPLETED", .importance = 10};
    Column retries{.heading = "RETRIES", .importance = 1};
    Column dead{.heading = "DEAD", .importance = 9, .least_width = 5};
    Column rate{.heading = "JOBS/S", .importance = 5};
    Column p50{.heading = "P50", .importance = 2, .least_width = 7};
    Column p99{.heading = "P99", .importance = 3, .least_width = 7};
    for (const QueueStatus& queue : status.queues) {
        const StateLook look = look_of(queue.state);
        names.cells.push_back({one_line(queue.name), Style::bold});
        state.cells.push_back({look.word, look.style});
        scale.cells.push_back(workers(queue));
        waiting.cells.push_back(queue.waiting ? number(*queue.waiting) : Span{"–", Style::dim});
        active.cells.push_back(number(queue.active));
        retrying.cells.push_back(number(queue.retrying, Style::yellow));
        completed.cells.push_back(number(queue.completed, Style::green));
        retries.cells.push_back(number(queue.retries));
        dead.cells.push_back(number(queue.dead, Style::red));
        const std::string per = per_second(queue.jobs_per_second);
        rate.cells.push_back({per, per == "0" ? Style::dim : Style::plain});
        p50.cells.push_back(time(queue.p50));
        p99.cells.push_back(time(queue.p99));
    }
    constexpr int mark_width = 2;
    const std::vector<Line> rows = lay_out(
        names, {state, scale, waiting, active, retrying, completed, retries, dead, rate, p50, p99}, width - mark_width);

    std::vector<std::string> lines;
    lines.push_back(render({{"Drover", Style::bold},
                            {"  " + clock_time(status.elapsed), Style::plain},
                            {"  " + one_line(status.broker), Style::dim}},
                           width, color));
    lines.emplace_back();
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const QueueStatus* queue = row == 0 ? nullptr : &status.queues[row - 1];
        const StateLook look = queue ? look_of(queue->state) : StateLook{" ", "", Style::plain};
        Line line{{look.mark, look.style}, {" ", Style::plain}};
        line.insert(line.end(), rows[row].begin(), rows[row].end());
        lines.push_back(render(line, width, color));
        if (queue && !queue->problem.empty()) {
            const Style style = look.style == Style::red ? Style::red : Style::yellow;
            lines.push_back(render({{"  ╰ ", Style::dim}, {one_line(queue->problem), style}}, width, color));
        }
    }
    return lines;
}

}  // namespace drover::cli
