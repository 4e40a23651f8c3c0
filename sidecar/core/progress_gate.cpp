#include "sidecar/core/progress_gate.h"

#include <algorithm>

namespace drover::sidecar {
namespace {

// What `later` does not say stays.
void merge(ProgressReport& kept, ProgressReport later) {
    if (later.percent) kept.percent = later.percent;
    if (!later.step.empty()) kept.step = std::move(later.step);
    if (!later.message.empty()) kept.message = std::move(later.message);
    if (!later.result.empty()) kept.result = std::move(later.result);
}

}  // namespace

std::optional<ProgressReport> ProgressGate::report(Slot slot, ProgressReport report, Time now) {
    Job& job = jobs_[slot];
    const std::optional<Time> due = job.passed_at ? std::optional(*job.passed_at + limits_.interval) : std::nullopt;
    if (job.kept) {
        merge(*job.kept, std::move(report));
    } else {
        job.kept = std::move(report);
        if (due) waiting_.emplace(*due, slot);
    }
    if (due && now < *due) return std::nullopt;
    if (due) waiting_.erase({*due, slot});
    job.passed_at = now;
    return std::exchange(job.kept, std::nullopt);
}

std::vector<ProgressGate::Released> ProgressGate::due(Time now) {
    std::vector<Released> released;
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        const Slot slot = waiting_.begin()->second;
        waiting_.erase(waiting_.begin());
        Job& job = jobs_[slot];
        job.passed_at = now;
        released.push_back({slot, *std::exchange(job.kept, std::nullopt)});
    }
    return released;
}

std::optional<Time> ProgressGate::next_due() const {
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.begin()->first);
}

ProgressGate::Logs ProgressGate::log(Slot slot, std::vector<std::string> lines, Time now) {
    Job& job = jobs_[slot];
    Logs logs;
    if (job.second && now >= *job.second + std::chrono::seconds(1)) {
        job.second.reset();
        job.lines = job.bytes = 0;
    }
    for (std::string& line : lines) {
        const std::size_t room = limits_.log_bytes - job.bytes;
        if (job.lines >= limits_.log_lines || line.size() > room) {
            ++job.left_out;
            continue;
        }
        if (!job.second) job.second = now;
        ++job.lines;
        job.bytes += line.size();
        logs.lines.push_back(std::move(line));
    }
    if (!logs.lines.empty()) logs.left_out = std::exchange(job.left_out, 0);
    return logs;
}

ProgressGate::Rest ProgressGate::end(Slot slot) {
    const auto found = jobs_.find(slot);
    if (found == jobs_.end()) return {};
    Job& job = found->second;
    if (job.kept) waiting_.erase({*job.passed_at + limits_.interval, slot});
    Rest rest{std::move(job.kept), job.left_out};
    jobs_.erase(found);
    return rest;
}

}  // namespace drover::sidecar
