// The plain form of the status, for files, pipes and CI logs.
#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/status_table.h"
#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

const char* word(QueueState state) {
    switch (state) {
        case QueueState::starting: return "Starting";
        case QueueState::active: return "Active";
        case QueueState::idle: return "Idle";
        case QueueState::paused: return "Paused";
        case QueueState::worker_unreachable: return "WorkerUnreachable";
        case QueueState::kafka_unreachable: return "KafkaUnreachable";
        case QueueState::draining: return "Draining";
    }
    return "Unknown";
}

bool differ(QueueStatus now, const QueueStatus& before) {
    now.jobs_per_second = before.jobs_per_second;
    now.p50 = before.p50;
    now.p99 = before.p99;
    return now != before;
}

std::string decimal(double value) {
    std::array<char, 400> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.1f", value);
    return {text.data(), static_cast<std::size_t>(std::clamp<int>(length, 0, text.size() - 1))};
}

// Bare where that is unambiguous, else quoted with \" and \\.
std::string value_of(const std::string& text) {
    std::string line = one_line(text);
    if (!line.empty() && line.find_first_of(" \"\\=") == std::string::npos) return line;
    std::string quoted = "\"";
    for (const char c : line) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

std::string line_of(const QueueStatus& queue, Duration elapsed) {
    std::string line = "t=" + decimal(std::chrono::duration<double>(elapsed).count()) + 's';
    const auto add = [&line](const char* key, const std::string& value) {
        line.append(" ").append(key) += '=' + value;
    };
    add("queue", value_of(queue.name));
    add("state", word(queue.state));
    add("workers", std::to_string(queue.replicas) + '/' + std::to_string(queue.wanted));
    if (queue.waiting) add("waiting", std::to_string(*queue.waiting));
    add("active", std::to_string(queue.active));
    add("retrying", std::to_string(queue.retrying));
    add("completed", std::to_string(queue.completed));
    add("retries", std::to_string(queue.retries));
    add("dead", std::to_string(queue.dead));
    add("jobs_per_s", decimal(queue.jobs_per_second));
    if (queue.p50) add("p50_ms", decimal(static_cast<double>(queue.p50->count()) / 1000));
    if (queue.p99) add("p99_ms", decimal(static_cast<double>(queue.p99->count()) / 1000));
    if (!queue.problem.empty()) add("problem", value_of(queue.problem));
    return line;
}

}  // namespace

std::vector<std::string> plain_lines(const RunStatus& now, const RunStatus& before) {
    std::vector<std::string> lines;
    for (const QueueStatus& queue : now.queues) {
        const auto old = std::find_if(before.queues.begin(), before.queues.end(),
                                      [&](const QueueStatus& other) { return other.name == queue.name; });
        if (old == before.queues.end() || differ(queue, *old)) lines.push_back(line_of(queue, now.elapsed));
    }
    return lines;
}

}  // namespace drover::cli
