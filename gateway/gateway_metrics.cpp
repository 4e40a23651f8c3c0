#include "gateway/gateway_metrics.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace drover::gateway {
namespace {

constexpr std::size_t most_types = 500;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::int64_t count_of(const StateCounts& counts, JobState state) {
    const auto found = counts.find(state);
    return found == counts.end() ? 0 : found->second;
}

}  // namespace

// Each request: a metric is looked up once.
void GatewayMetrics::answered(std::string_view method, std::string_view route, int status, Duration took) {
    auto known = answered_.find({method, route, status});
    if (known == answered_.end()) {
        const telemetry::Labels labels{{"method", std::string(method)}, {"route", std::string(route)}};
        telemetry::Labels with_status = labels;
        with_status["status"] = std::to_string(status);
        const Answered made{
            metrics_.counter("drover_gateway_requests_total", "Requests by route and status", with_status),
            metrics_.histogram("drover_gateway_request_duration_seconds", "From a request's last byte to its answer",
                               labels)};
        known = answered_.emplace(std::tuple(method, route, status), made).first;
    }
    known->second.count.add();
    known->second.took.observe(seconds(took));
}

void GatewayMetrics::submitted(const std::string& queue, bool accepted) {
    auto known = submitted_.find({queue, accepted});
    if (known == submitted_.end()) {
        const telemetry::Labels labels{{"queue", queue}, {"outcome", accepted ? "accepted" : "refused"}};
        known = submitted_
                    .emplace(std::pair(queue, accepted),
                             metrics_.counter("drover_gateway_submitted_total", "Jobs by queue and outcome", labels))
                    .first;
    }
    known->second.add();
}

void GatewayMetrics::told(const std::string& webhook, WebhookOutbox::Outcome outcome) {
    constexpr std::array outcomes{"delivered", "refused", "again", "given_up"};
    // The names of callbacks are hosts that jobs chose.
    const bool is_callback = webhook.starts_with("callback of ");
    metrics_
        .counter("drover_gateway_webhook_attempts_total", "Attempts to tell webhooks, by outcome",
                 {{"webhook", is_callback ? "callback" : webhook},
                  {"outcome", outcomes.at(static_cast<std::size_t>(outcome))}})
        .add();
}

void GatewayMetrics::ended(const Job& job) {
    const std::string state(state_name(job.state));
    metrics_
        .counter("bull_jobs_total", "Jobs that have ended (an older name)",
                 {{"queue", job.key.queue}, {"status", state}})
        .add();
    if (job.state != JobState::completed || !job.busy) return;
    // Types are whatever clients say: each is a metric that stays.
    std::string type = job.type;
    if (types_.size() < most_types)
        types_.emplace(job.key.queue, type);
    else if (!types_.contains({job.key.queue, type}))
        type = "other";
    metrics_
        .histogram("bull_job_duration_seconds", "How long workers had jobs that completed (an older name)",
                   {{"queue", job.key.queue}, {"job", type}})
        .observe(seconds(*job.busy));
}

void GatewayMetrics::counted(const std::string& queue, const StateCounts& counts, std::int64_t dead) {
    for (const JobState state : visible_states) {
        const std::string name(state_name(state));
        const auto count = static_cast<double>(count_of(counts, state));
        metrics_.gauge("drover_gateway_jobs", "Jobs by queue and state", {{"queue", queue}, {"state", name}})
            .set(count);
    }
    metrics_.gauge("drover_gateway_dead_letters", "Records in the queue's dead-letter topic", {{"queue", queue}})
        .set(static_cast<double>(dead));
    const std::array<std::pair<const char*, std::int64_t>, 5> depths{
        {{"waiting", count_of(counts, JobState::waiting)},
         {"active", count_of(counts, JobState::active)},
         {"completed", count_of(counts, JobState::completed)},
         {"failed", count_of(counts, JobState::failed)},
         {"delayed", count_of(counts, JobState::delayed) + count_of(counts, JobState::retrying)}}};
    for (const auto& [status, count] : depths) {
        metrics_
            .gauge("bull_queue_depth", "Jobs by queue and state (an older name)",
                   {{"queue", queue}, {"status", status}})
            .set(static_cast<double>(count));
    }
}

void GatewayMetrics::fed(const FeederStatus& status) {
    metrics_.gauge("drover_gateway_view_up", "1: the view of jobs is kept up").set(status.trouble.empty() ? 1 : 0);
    metrics_.gauge("drover_gateway_view_leads", "1: this gateway feeds the view").set(status.leads ? 1 : 0);
    metrics_.gauge("drover_gateway_view_behind_seconds", "How old the last event was when the view had it")
        .set(seconds(status.behind));
    metrics_.gauge("drover_gateway_view_events", "Events that went into the view since the start")
        .set(static_cast<double>(status.applied));
    metrics_.gauge("drover_gateway_view_skipped_events", "Events that could not be read, since the start")
        .set(static_cast<double>(status.skipped));
}

void GatewayMetrics::scheduled(const SchedulerStatus& status) {
    metrics_.gauge("drover_gateway_scheduler_up", "1: delayed jobs and schedules go on")
        .set(status.trouble.empty() ? 1 : 0);
    metrics_
        .gauge("drover_gateway_scheduler_behind_seconds",
               "How long the first of the jobs that are due has waited for this gateway to dispatch it")
        .set(seconds(status.behind));
    for (int partition = 0; partition < status.partition_count; ++partition) {
        const bool is_owned = std::ranges::find(status.partitions, partition) != status.partitions.end();
        metrics_
            .gauge("drover_gateway_scheduler_partition", "1: this gateway dispatches the partition's delayed jobs",
                   {{"partition", std::to_string(partition)}})
            .set(is_owned ? 1 : 0);
    }
    const std::array<std::tuple<const char*, std::uint64_t, std::uint64_t>, 4> counts{
        {{"dispatched", status.dispatched, scheduler_.dispatched},
         {"cancelled", status.cancelled, scheduler_.cancelled},
         {"scheduled", status.scheduled, scheduler_.scheduled},
         {"refused", status.refused, scheduler_.refused}}};
    for (const auto& [outcome, now, before] : counts) {
        metrics_
            .counter("drover_gateway_scheduler_jobs_total",
                     "Delayed jobs, by what became of them, and jobs that schedules made", {{"outcome", outcome}})
            .add(static_cast<double>(now - before));
    }
    scheduler_ = status;
}

}  // namespace drover::gateway
