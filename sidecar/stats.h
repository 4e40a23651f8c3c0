// What a sidecar has done since it started, for /stats, /metrics and the local runner's table. Room: sidecar.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/telemetry/latency.h"

namespace drover::sidecar {

struct Stats {
    std::uint64_t received = 0;     // records taken from Kafka
    std::uint64_t handed_over = 0;  // tries
    std::uint64_t completed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t retried = 0;
    std::uint64_t dead_lettered = 0;
    std::uint64_t moved = 0;     // to another retry step, at no cost of an attempt
    std::uint64_t repeated = 0;  // finished before, not handed over again
    std::uint64_t dropped = 0;   // left to another owner
    std::uint64_t write_failures = 0;
    std::uint64_t events_left_out = 0;                   // that Kafka did not take
    std::map<std::string, std::uint64_t> dead_by_class;  // at most 20 classes, the rest under "other"
    telemetry::LatencyHistogram worker_time;             // from hand-over to answer
    telemetry::LatencyHistogram wait;                    // from the record's timestamp to its first hand-over

    // The present.
    std::size_t in_flight = 0;
    std::size_t held = 0;
    std::size_t partitions = 0;
    bool worker_reachable = false;
    bool joined = false;
    bool paused = false;  // nothing is handed over: somebody wants it so, or the control topic is not read yet
    bool drained = false;
    Duration clock_offset{};      // the time that this sidecar goes by, less its machine's
    std::int64_t generation = 0;  // of the JobQueue's configuration that is in force
    std::string trouble;          // with Kafka, "" for none
    std::string blocked_job;      // the job that a whole partition waits for, "" for none
};

std::string to_json(const Stats& stats);
Result<Stats> stats_from_json(std::string_view text);
// Prometheus' text format, with the queue's labels.
std::string to_metrics(const Stats& stats, const std::string& ns, const std::string& queue);

}  // namespace drover::sidecar
