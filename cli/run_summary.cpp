#include "cli/run_summary.h"

#include <algorithm>
#include <limits>

#include "cli/columns.h"
#include "cli/figures.h"
#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

constexpr std::size_t causes_shown = 8;

std::string counted(std::int64_t number, const char* one, const char* many) {
    return with_thousands(number) + ' ' + (number == 1 ? one : many);
}

Line verdict(const RunSummary& summary) {
    const QueueSummary& total = summary.total;
    const std::string time = clock_time(summary.elapsed);
    const std::int64_t unfinished = total.jobs - total.completed - total.dead;
    if (unfinished > 0) {
        return {{"‖ ", Style::yellow},
                {"Stopped after " + time, Style::bold},
                {", " + counted(unfinished, "job", "jobs") + " unfinished", Style::yellow}};
    }
    if (total.dead > 0) {
        return {{"! ", Style::red},
                {"Done in " + time, Style::bold},
                {", " + counted(total.dead, "dead letter", "dead letters"), Style::red}};
    }
    return {{"✓ ", Style::green}, {"Done in " + time, Style::bold}};
}

std::vector<Line> figures(const RunSummary& summary, int width) {
    Column names{.heading = "QUEUE", .to_the_right = false};
    Column jobs{.heading = "JOBS", .importance = 5};
    Column completed{.heading = "COMPLETED", .importance = 8};
    Column retries{.heading = "RETRIES", .importance = 6};
    Column dead{.heading = "DEAD", .importance = 7};
    Column rate{.heading = "JOBS/S", .importance = 4};
    Column p50{.heading = "P50", .importance = 2};
    Column p99{.heading = "P99", .importance = 3};
    const auto number = [](std::int64_t value, Style style) {
        return Span{with_thousands(value), value == 0 ? Style::dim : style};
    };
    const auto time = [](const std::optional<Duration>& value) {
        return value ? Span{latency(*value), Style::plain} : Span{"–", Style::dim};
    };
    const auto add = [&](const std::string& name, const QueueSummary& queue) {
        names.cells.push_back({name, Style::bold});
        jobs.cells.push_back(number(queue.jobs, Style::plain));
        completed.cells.push_back(number(queue.completed, Style::green));
        retries.cells.push_back(number(queue.retries, Style::yellow));
        dead.cells.push_back(number(queue.dead, Style::red));
        rate.cells.push_back({per_second(queue.jobs_per_second), Style::plain});
        p50.cells.push_back(time(queue.p50));
        p99.cells.push_back(time(queue.p99));
    };
    for (const QueueSummary& queue : summary.queues) add(one_line(queue.name), queue);
    if (summary.queues.size() != 1) add("all queues", summary.total);
    return lay_out(names, {jobs, completed, retries, dead, rate, p50, p99}, width);
}

// "  12 × BadGzip  changelogs  Not a gzipped file (b'<!')"
std::vector<Line> dead_letters(const RunSummary& summary, int width) {
    const bool with_queue = summary.queues.size() > 1 && width >= 60;
    const std::vector<DeadLetterCause> causes = summary.causes.by_count();
    const std::size_t shown = std::min(causes.size(), causes_shown);
    int count_width = 0, class_width = 0, queue_width = 0;
    for (std::size_t i = 0; i < shown; ++i) {
        count_width = std::max(count_width, display_width(with_thousands(causes[i].count)));
        class_width = std::max(class_width, std::min(display_width(one_line(causes[i].error_class)), 24));
        queue_width = std::max(queue_width, std::min(display_width(one_line(causes[i].queue)), 20));
    }
    const auto blanks = [](int count) { return std::string(static_cast<std::size_t>(std::max(count, 0)), ' '); };
    const auto padded = [&](const std::string& text, int to) { return text + blanks(to - display_width(text)); };
    std::vector<Line> lines;
    std::int64_t rest = summary.causes.others();
    for (std::size_t i = 0; i < causes.size(); ++i) {
        if (i >= shown) {
            rest += causes[i].count;
            continue;
        }
        const std::string count = with_thousands(causes[i].count);
        Line line{{"  " + blanks(count_width - display_width(count)) + count + " × ", Style::plain},
                  {padded(cut_end(one_line(causes[i].error_class), 24), class_width), Style::red}};
        if (with_queue) {
            line.push_back({"  " + padded(cut_middle(one_line(causes[i].queue), 20), queue_width), Style::dim});
        }
        line.push_back({"  " + one_line(causes[i].first_message), Style::plain});
        lines.push_back(std::move(line));
    }
    if (rest > 0) lines.push_back({{"  and " + with_thousands(rest) + " more of other kinds", Style::dim}});
    return lines;
}

}  // namespace

std::vector<std::string> render_summary(const RunSummary& summary, int width, bool color) {
    std::vector<std::string> lines;
    const auto add = [&](const Line& line) { lines.push_back(render(line, width, color)); };
    add(verdict(summary));
    lines.emplace_back();
    for (const Line& line : figures(summary, width - 2)) {
        Line indented{{"  ", Style::plain}};
        indented.insert(indented.end(), line.begin(), line.end());
        add(indented);
    }
    if (const std::vector<Line> causes = dead_letters(summary, width); !causes.empty()) {
        lines.emplace_back();
        add({{"Dead letters", Style::bold}});
        for (const Line& line : causes) add(line);
    }
    int label_width = 0;
    for (const Note& note : summary.notes) label_width = std::max(label_width, display_width(one_line(note.label)));
    if (!summary.notes.empty()) lines.emplace_back();
    for (const Note& note : summary.notes) {
        const std::string label = one_line(note.label);
        const auto missing = static_cast<std::size_t>(label_width - display_width(label));
        const Line line{{label, Style::bold}, {std::string(missing + 2, ' ') + one_line(note.text), Style::plain}};
        lines.push_back(render(line, std::numeric_limits<int>::max(), color));
    }
    return lines;
}

}  // namespace drover::cli
