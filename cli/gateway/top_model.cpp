#include "cli/gateway/top_model.h"

#include <algorithm>
#include <array>

#include "cli/figures.h"

namespace drover::cli {
namespace {

constexpr std::size_t looks_kept = 120;
constexpr int head_rows = 3, detail_rows = 4, foot_rows = 1;
constexpr const char* keys_text = "↑ ↓ choose   p pause or resume   q quit";

std::string scale_text(const ScaleAnswer& scale) {
    std::string text = std::to_string(scale.ready.value_or(scale.replicas)) + " of " + std::to_string(scale.desired) +
                       " workers ready (" + std::to_string(scale.min) + " to " + std::to_string(scale.max) + ")";
    if (!scale.reason.empty()) text.append(", ").append(one_line(scale.reason));
    if (!scale.message.empty()) text.append(": ").append(one_line(scale.message));
    return text;
}

// Rows of the table that fit.
int rows_of(int height) { return std::max(height - head_rows - 1 - detail_rows - foot_rows, 1); }

}  // namespace

std::string sparkline(const std::deque<std::int64_t>& values, int width) {
    static constexpr std::array<const char*, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const std::size_t count = std::min(values.size(), static_cast<std::size_t>(std::max(width, 0)));
    std::int64_t most = 1;
    for (std::size_t i = values.size() - count; i < values.size(); ++i) most = std::max(most, values[i]);
    std::string text;
    for (std::size_t i = values.size() - count; i < values.size(); ++i) {
        const auto value = static_cast<double>(std::max<std::int64_t>(values[i], 0));
        text += blocks[std::min<std::size_t>(static_cast<std::size_t>(value / static_cast<double>(most) * 7.999), 7)];
    }
    return text;
}

void TopModel::on_queues(const Json& answer, Time now) {
    queues_.clear();
    std::map<std::string, std::deque<std::int64_t>> backlogs;
    for (const Json& each : list_of(answer, "queues")) {
        QueueAnswer queue = queue_answer(each);
        std::deque<std::int64_t>& seen = backlogs[queue.name] = std::move(backlogs_[queue.name]);
        seen.push_back(queue.lag.value_or(queue.count("waiting") + queue.count("active")));
        if (seen.size() > looks_kept) seen.pop_front();
        queues_.push_back(std::move(queue));
    }
    backlogs_ = std::move(backlogs);
    if (selected_queue() == nullptr) selected_ = queues_.empty() ? "" : queues_.front().name;
    seen_ = now;
    trouble_.clear();
}

void TopModel::on_trouble(const Error& error) { trouble_ = one_line(error.message); }

const QueueAnswer* TopModel::selected_queue() const {
    const auto found = std::ranges::find(queues_, selected_, &QueueAnswer::name);
    return found == queues_.end() ? nullptr : &*found;
}

void TopModel::move(std::ptrdiff_t rows) {
    if (queues_.empty()) return;
    const auto found = std::ranges::find(queues_, selected_, &QueueAnswer::name);
    const std::ptrdiff_t row = found == queues_.end() ? 0 : found - queues_.begin();
    const auto last = static_cast<std::ptrdiff_t>(queues_.size()) - 1;
    selected_ = queues_[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(row + rows, 0, last))].name;
}

TopModel::Wish TopModel::on_key(const Key& key, int height) {
    const auto all = static_cast<std::ptrdiff_t>(queues_.size());
    message_.clear();
    switch (key.kind) {
        case Key::Kind::up: move(-1); return {};
        case Key::Kind::down: move(1); return {};
        case Key::Kind::page_up: move(-rows_of(height)); return {};
        case Key::Kind::page_down: move(rows_of(height)); return {};
        case Key::Kind::home: move(-all); return {};
        case Key::Kind::end: move(all); return {};
        case Key::Kind::character: break;
    }
    switch (key.character) {
        case 'q':
        case 'Q': return {Wish::Kind::quit, ""};
        case 'k': move(-1); return {};
        case 'j': move(1); return {};
        case ' ':
        case 'r': return {Wish::Kind::look, ""};
        case 'p': {
            const QueueAnswer* queue = selected_queue();
            if (queue == nullptr) return {};
            message_ = queue->paused ? "resuming …" : "pausing …";
            return {queue->paused ? Wish::Kind::resume : Wish::Kind::pause, queue->name};
        }
        default: return {};
    }
}

std::vector<Line> TopModel::head(const View& view) const {
    std::int64_t waiting = 0, active = 0, retrying = 0, dead = 0;
    double rate = 0;
    for (const QueueAnswer& queue : queues_) {
        waiting += queue.count("waiting");
        active += queue.count("active");
        retrying += queue.count("retrying");
        dead += queue.counts.contains("failed") ? queue.count("failed") : queue.dead;
        rate += queue.completed_rate.value_or(0);
    }
    std::vector<Line> lines;
    lines.push_back({{"drover top", Style::bold}, {"  " + one_line(gateway_), Style::dim}});
    if (seen_) lines.back().push_back({"  " + utc(*seen_) + " UTC", Style::dim});
    lines.push_back(
        {{with_thousands(static_cast<std::int64_t>(queues_.size())) + " queues  " + with_thousands(waiting) +
              " waiting  " + with_thousands(active) + " active  " + with_thousands(retrying) + " retrying  ",
          Style::plain},
         {with_thousands(dead) + " dead", dead > 0 ? Style::red : Style::plain},
         {"  " + per_second(rate) + "/s done", Style::plain}});
    if (!trouble_.empty()) {
        const std::string since = seen_ ? "the gateway is away, this is " + age(view.now - *seen_) + " old: " : "";
        lines.push_back({{since + trouble_, Style::red}});
    } else if (!seen_) {
        lines.push_back({{"asking the gateway …", Style::dim}});
    } else {
        lines.push_back({{message_, Style::yellow}});
    }
    return lines;
}

std::vector<Line> TopModel::detail(const View& view) const {
    const QueueAnswer* queue = selected_queue();
    std::vector<Line> lines{{}};
    if (queue == nullptr) return lines;
    const std::string title = one_line(queue->name);
    const auto backlog = backlogs_.find(queue->name);
    Line first{{title, Style::bold}};
    if (backlog != backlogs_.end()) {
        first.push_back({"  to do ", Style::dim});
        first.push_back(
            {sparkline(backlog->second, std::max(view.width - display_width(title) - 20, 0)), Style::green});
        first.push_back({" " + with_thousands(backlog->second.back()), Style::plain});
    }
    lines.push_back(std::move(first));
    if (queue->scale) lines.push_back({{"  " + scale_text(*queue->scale), Style::plain}});
    if (!queue->trouble.empty()) lines.push_back({{"  " + one_line(queue->trouble), Style::red}});
    if (queue->scale) {
        for (const std::string& each : queue->scale->troubles) lines.push_back({{"  " + one_line(each), Style::red}});
    }
    for (const PauseAnswer& pause : queue->pauses)
        lines.push_back({{"  paused by " + pause_text(pause), Style::yellow}});
    if (lines.size() > static_cast<std::size_t>(detail_rows)) lines.resize(static_cast<std::size_t>(detail_rows));
    return lines;
}

std::vector<std::string> TopModel::render(const View& view, int height) {
    constexpr int marker = 2;
    const auto found = std::ranges::find(queues_, selected_, &QueueAnswer::name);
    const auto row = static_cast<std::size_t>(found == queues_.end() ? 0 : found - queues_.begin());
    const auto shown = static_cast<std::size_t>(rows_of(height));
    first_ = std::min(first_, queues_.size() > shown ? queues_.size() - shown : 0);
    if (row < first_) first_ = row;
    if (row >= first_ + shown) first_ = row - shown + 1;

    std::vector<Line> lines = head(view);
    View narrow = view;
    narrow.width = std::max(view.width - marker, 1);
    std::vector<Line> table = queue_lines(queues_, narrow);
    table.front().insert(table.front().begin(), {"  ", Style::plain});
    lines.push_back(table.front());
    for (std::size_t i = first_; i < std::min(first_ + shown, queues_.size()); ++i) {
        Line line = table[i + 1];
        line.insert(line.begin(), {i == row ? "▸ " : "  ", Style::bold});
        if (i == row) line[1].style = Style::selected;
        lines.push_back(std::move(line));
    }
    if (queues_.empty() && seen_) lines.push_back({{"  no queue that you may see", Style::dim}});
    for (Line& line : detail(view)) lines.push_back(std::move(line));
    std::vector<std::string> texts;
    for (const Line& line : lines) texts.push_back(cli::render(line, view.width, view.color));
    const auto most = static_cast<std::size_t>(std::max(height, 1));
    if (texts.size() > most - 1) texts.resize(most - 1);
    while (texts.size() < most - 1) texts.emplace_back();
    texts.push_back(cli::render({{keys_text, Style::dim}}, view.width, view.color));
    return texts;
}

}  // namespace drover::cli
