// How `drover run` shows its queues: a live table on a terminal, plain lines elsewhere. Pure: values in, text out.
// Room: cli.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/time.h"

namespace drover::cli {

enum class QueueState { starting, active, idle, paused, worker_unreachable, kafka_unreachable, draining };

// One queue now. What could not be read is none, shown as "–", never as 0.
struct QueueStatus {
    std::string name;
    QueueState state = QueueState::starting;
    int replicas = 0;  // that run
    int wanted = 0;    // that scaling asked for
    std::optional<std::int64_t> waiting;
    std::int64_t active = 0;                            // with workers now
    std::int64_t retrying = 0;                          // waiting for a later try
    std::int64_t completed = 0, retries = 0, dead = 0;  // since the run began; retries counts tries past the first
    double jobs_per_second = 0;
    std::optional<Duration> p50, p99;  // of the worker's time for a job
    std::string problem;               // the last thing wrong that still holds; "" for none. Any bytes

    bool operator==(const QueueStatus&) const = default;
};

struct RunStatus {
    std::string broker;  // "127.0.0.1:9092 (embedded)"
    Duration elapsed{0};
    std::vector<QueueStatus> queues;

    bool operator==(const RunStatus&) const = default;
};

// Lines without line ends, each at most `width` columns (meant for 40 to 200; total for any).
std::vector<std::string> render_table(const RunStatus& status, int width, bool color);

// One key=value line for each queue of `now` that differs from `before` in more than its rates and times.
std::vector<std::string> plain_lines(const RunStatus& now, const RunStatus& before);

}  // namespace drover::cli
