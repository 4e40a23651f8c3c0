#include "sidecar/stats.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include "src/telemetry/metrics.h"

namespace drover::sidecar {
namespace {

using nlohmann::json;

struct Count {
    const char* name;
    std::uint64_t Stats::*value;
    const char* metric;
    const char* help;
};

// In /stats under `name`, in /metrics under `metric`.
constexpr Count counts[] = {
    {"received", &Stats::received, "drover_records_received_total", "Records taken from Kafka"},
    {"handedOver", &Stats::handed_over, "drover_job_attempts_total", "Jobs handed to the worker, every try counted"},
    {"completed", &Stats::completed, "drover_jobs_completed_total", "Jobs that the worker completed"},
    {"cancelled", &Stats::cancelled, "drover_jobs_cancelled_total", "Jobs that somebody took back"},
    {"retried", &Stats::retried, "drover_jobs_retried_total", "Failed tries that will be repeated"},
    {"deadLettered", &Stats::dead_lettered, "drover_jobs_dead_lettered_total", "Jobs moved to the dead-letter topic"},
    {"moved", &Stats::moved, "drover_jobs_moved_total", "Waiting jobs moved to another retry step"},
    {"repeated", &Stats::repeated, "drover_jobs_repeated_total", "Records of finished jobs, not handed over again"},
    {"dropped", &Stats::dropped, "drover_jobs_dropped_total", "Waiting jobs left to another sidecar"},
    {"writeFailures", &Stats::write_failures, "drover_write_failures_total",
     "Retries, dead letters and ends of jobs not written, tried again"},
    {"eventsLeftOut", &Stats::events_left_out, "drover_events_left_out_total",
     "Events about jobs on their way that Kafka did not take"},
};

}  // namespace

std::string to_json(const Stats& stats) {
    json body;
    for (const Count& count : counts) body[count.name] = stats.*count.value;
    body["deadByClass"] = stats.dead_by_class;
    body["workerTime"] = json::parse(stats.worker_time.to_json());
    body["wait"] = json::parse(stats.wait.to_json());
    body["inFlight"] = stats.in_flight;
    body["held"] = stats.held;
    body["partitions"] = stats.partitions;
    body["workerReachable"] = stats.worker_reachable;
    body["joined"] = stats.joined;
    body["paused"] = stats.paused;
    body["drained"] = stats.drained;
    body["clockOffset"] = std::chrono::duration<double>(stats.clock_offset).count();  // seconds
    body["generation"] = stats.generation;
    body["trouble"] = stats.trouble;
    body["blockedJob"] = stats.blocked_job;
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Stats> stats_from_json(std::string_view text) {
    try {
        const json body = json::parse(text);
        Stats stats;
        for (const Count& count : counts) stats.*count.value = body.at(count.name).get<std::uint64_t>();
        stats.dead_by_class = body.at("deadByClass").get<std::map<std::string, std::uint64_t>>();
        const auto histogram = [&](const char* name) {
            return telemetry::LatencyHistogram::from_json(body.at(name).dump());
        };
        const auto worker_time = histogram("workerTime"), wait = histogram("wait");
        if (!worker_time) return tl::unexpected(worker_time.error());
        if (!wait) return tl::unexpected(wait.error());
        stats.worker_time = *worker_time;
        stats.wait = *wait;
        stats.in_flight = body.at("inFlight");
        stats.held = body.at("held");
        stats.partitions = body.at("partitions");
        stats.worker_reachable = body.at("workerReachable");
        stats.joined = body.at("joined");
        stats.paused = body.at("paused");
        stats.drained = body.at("drained");
        stats.clock_offset = std::chrono::round<Duration>(std::chrono::duration<double>(body.at("clockOffset")));
        stats.generation = body.at("generation");
        stats.trouble = body.at("trouble");
        stats.blocked_job = body.at("blockedJob");
        return stats;
    } catch (const json::exception& error) {
        return failure(Error::Code::invalid, std::string("not a sidecar's statistics: ") + error.what());
    }
}

std::string to_metrics(const Stats& stats, const std::string& ns, const std::string& queue) {
    telemetry::Metrics metrics;
    const telemetry::Labels labels{{"namespace", ns}, {"queue", queue}};
    for (const Count& count : counts) {
        metrics.counter(count.metric, count.help, labels).add(static_cast<double>(stats.*count.value));
    }
    for (const auto& [name, number] : stats.dead_by_class) {
        telemetry::Labels with_class = labels;
        with_class["error_class"] = name;
        metrics.counter("drover_dead_letters_by_class_total", "Dead letters by the class of their error", with_class)
            .add(static_cast<double>(number));
    }
    const auto gauge = [&](const char* name, const char* help, double value) {
        metrics.gauge(name, help, labels).set(value);
    };
    gauge("drover_jobs_in_flight", "Jobs that the worker has in hand", static_cast<double>(stats.in_flight));
    gauge("drover_jobs_held", "Jobs in memory that wait for their turn or their time", static_cast<double>(stats.held));
    gauge("drover_partitions", "Partitions that this sidecar holds", static_cast<double>(stats.partitions));
    gauge("drover_paused", "1 while nothing is handed over because somebody paused the queue", stats.paused ? 1 : 0);
    gauge("drover_worker_reachable", "1 when the worker's port answers", stats.worker_reachable ? 1 : 0);
    const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
    gauge("drover_clock_offset_seconds", "The brokers' time, by which jobs are due, less this machine's",
          seconds(stats.clock_offset));
    gauge("drover_config_generation", "Generation of the JobQueue whose configuration is in force",
          static_cast<double>(stats.generation));
    // With the quantiles below these are a summary: their rates are a mean over any time, which quantiles never are.
    const auto total = [&](const char* name, const char* help, double value) {
        metrics.counter(name, help, labels).add(value);
    };
    total("drover_job_duration_seconds_sum", "Time of all tries together", seconds(stats.worker_time.total()));
    total("drover_job_duration_seconds_count", "Tries that were answered",
          static_cast<double>(stats.worker_time.count()));
    total("drover_job_wait_seconds_sum", "Time of all waits together", seconds(stats.wait.total()));
    total("drover_job_wait_seconds_count", "Jobs that were handed over a first time",
          static_cast<double>(stats.wait.count()));
    for (const auto& [quantile, q] : {std::pair{"0.5", 0.5}, {"0.9", 0.9}, {"0.99", 0.99}}) {
        telemetry::Labels at = labels;
        at["quantile"] = quantile;
        metrics.gauge("drover_job_duration_seconds", "Time of a try, from hand-over to answer", at)
            .set(seconds(stats.worker_time.quantile(q)));
        metrics.gauge("drover_job_wait_seconds", "Time from the record to its first hand-over", at)
            .set(seconds(stats.wait.quantile(q)));
    }
    return metrics.text();
}

}  // namespace drover::sidecar
