#include "gateway/core/older_json.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

std::int64_t count_of(const StateCounts& counts, JobState state) {
    const auto found = counts.find(state);
    return found == counts.end() ? 0 : found->second;
}

std::string_view bull_state(JobState state) {
    switch (state) {
        case JobState::retrying: return "delayed";
        case JobState::cancelled: return "failed";
        default: return state_name(state);
    }
}

int percent_of(const Job& job) {
    if (job.state == JobState::completed) return 100;
    return job.progress && job.progress->percent ? *job.progress->percent : 0;
}

ordered_json millis(const std::optional<Time>& time) { return time ? ordered_json(to_millis(*time)) : ordered_json(); }

int attempts_made(const Job& job) {
    const bool runs = job.state == JobState::active;  // its attempt is not over
    return std::max(job.attempt - (runs ? 1 : 0), 0);
}

std::string failed_reason(const Job& job) {
    if (job.state == JobState::cancelled) return "cancelled";
    if (job.state != JobState::failed || !job.error) return "";
    return job.error->message.empty() ? job.error->error_class : job.error->message;
}

}  // namespace

ordered_json bull_status(const std::vector<BullQueue>& queues, Time now) {
    ordered_json list = ordered_json::array();
    std::int64_t waiting = 0, active = 0, completed = 0, failed = 0;
    for (const BullQueue& queue : queues) {
        const std::int64_t waits = count_of(queue.counts, JobState::waiting);
        const ordered_json counts{
            {"waiting", queue.paused ? 0 : waits},
            {"active", count_of(queue.counts, JobState::active)},
            {"completed", count_of(queue.counts, JobState::completed)},
            {"failed", count_of(queue.counts, JobState::failed)},
            {"delayed", count_of(queue.counts, JobState::delayed) + count_of(queue.counts, JobState::retrying)},
            {"paused", queue.paused ? waits : 0}};
        waiting += waits;
        active += count_of(queue.counts, JobState::active);
        completed += count_of(queue.counts, JobState::completed);
        failed += count_of(queue.counts, JobState::failed);
        list.push_back({{"name", queue.name}, {"counts", counts}});
    }
    return {{"timestamp", format_rfc3339(now)},
            {"queues", list},
            {"summary",
             {{"totalQueues", queues.size()},
              {"totalWaiting", waiting},
              {"totalActive", active},
              {"totalCompleted", completed},
              {"totalFailed", failed}}}};
}

std::optional<std::vector<JobState>> bull_states(std::string_view status) {
    if (status == "waiting" || status == "paused") return std::vector{JobState::waiting};
    if (status == "active") return std::vector{JobState::active};
    if (status == "completed") return std::vector{JobState::completed};
    if (status == "failed") return std::vector{JobState::failed, JobState::cancelled};
    if (status == "delayed") return std::vector{JobState::delayed, JobState::retrying};
    return std::nullopt;
}

ordered_json bull_job(const Job& job) {
    ordered_json json{{"id", job.key.id},
                      {"name", job.type},
                      {"state", bull_state(job.state)},
                      {"progress", percent_of(job)},
                      {"attemptsMade", attempts_made(job)},
                      {"timestamp", to_millis(job.submitted_at)},
                      {"processedOn", millis(job.started_at)},
                      {"finishedOn", millis(job.finished_at)}};
    if (const std::string reason = failed_reason(job); !reason.empty()) json["failedReason"] = reason;
    return json;
}

ordered_json bull_progress(const Job& job) {
    ordered_json json{{"jobId", job.key.id},
                      {"progress", percent_of(job)},
                      {"state", bull_state(job.state)},
                      {"attemptsMade", attempts_made(job)},
                      {"processedOn", millis(job.started_at)},
                      {"finishedOn", millis(job.finished_at)}};
    if (const std::string reason = failed_reason(job); !reason.empty()) json["failedReason"] = reason;
    return json;
}

ordered_json check_status(const JobDetail& detail, const std::optional<Eta>& eta, Time now) {
    const Job& job = detail.job;
    ordered_json json{{"id", job.key.id}};
    switch (job.state) {
        case JobState::completed: {
            json["status"] = "completed";
            const ordered_json all = job_json(detail, std::nullopt);
            json["result"] = all.contains("result") ? all["result"] : ordered_json();
            return json;
        }
        case JobState::failed:
        case JobState::cancelled:
            json["status"] = "failed";
            json["error"] = failed_reason(job);
            return json;
        case JobState::active: json["status"] = "processing"; break;
        default: json["status"] = "pending"; break;
    }
    json["progress"] = percent_of(job);
    if (job.progress && !job.progress->message.empty()) json["message"] = job.progress->message;
    if (eta) {
        json["estimatedTimeLeft"] =
            std::ceil(std::chrono::duration<double>(std::max(eta->at - now, Duration{0})).count());
    }
    return json;
}

ordered_json worker_status(const std::map<std::string, const WorkersBook::Entry*>& queues, Time now) {
    enum class Status { ok, unknown, unreachable };
    static constexpr std::array names{"ok", "unknown", "unreachable"};
    Status worst = Status::ok;
    ordered_json list = ordered_json::array();
    for (const auto& [name, workers] : queues) {
        Status status = Status::ok;
        std::string message;
        if (workers == nullptr) {
            status = Status::unknown;
            message = "nobody has told how its workers do";
        } else if (!workers->now.trouble.empty()) {
            status = Status::unreachable;
            message = workers->now.trouble.front().message;
        } else if (workers->now.replicas == 0) {
            message = "no worker is needed: one starts with the next job";
        } else if (workers->now.ready == 0) {
            status = Status::unreachable;
            message = "its workers are starting";
        }
        worst = std::max(worst, status);
        ordered_json one{{"name", name},
                         {"status", names[static_cast<std::size_t>(status)]},
                         {"available", status == Status::ok},
                         {"workers", workers == nullptr ? 0 : workers->now.replicas},
                         {"ready", workers == nullptr ? 0 : workers->now.ready}};
        if (!message.empty()) one["message"] = message;
        list.push_back(std::move(one));
    }
    return {{"status", names[static_cast<std::size_t>(worst)]},
            {"available", worst == Status::ok},
            {"queues", std::move(list)},
            {"timestamp", format_rfc3339(now)}};
}

const std::vector<TestSend>& test_sends() {
    static const std::vector<TestSend> sends{
        {"/queues/test/send-email", "email", "send-email", {"to", "subject", "html"}},
        {"/queues/test/send-sms", "sms", "send-sms", {"phone", "message"}},
        {"/queues/test/start-device", "device-operation", "start-device", {"deviceId", "userId"}}};
    return sends;
}

}  // namespace drover::gateway
