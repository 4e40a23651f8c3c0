// What `drover run` says at its end. Pure. Room: cli.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/dead_letter_causes.h"
#include "src/base/time.h"

namespace drover::cli {

struct QueueSummary {
    std::string name;
    std::int64_t jobs = 0, completed = 0, retries = 0, dead = 0;
    double jobs_per_second = 0;
    std::optional<Duration> p50, p99;  // of the worker's time for a job
};

// A further line, e.g. {"Report", "build/report.html"}.
struct Note {
    std::string label;
    std::string text;
};

struct RunSummary {
    Duration elapsed{0};
    std::vector<QueueSummary> queues;
    QueueSummary total;  // of all of them; its percentiles are the caller's to measure. Its name is not shown
    DeadLetterCauses causes;
    std::vector<Note> notes;
};

// Lines without line ends, each at most `width` columns but for the notes: a path is there to be copied.
std::vector<std::string> render_summary(const RunSummary& summary, int width, bool color);

}  // namespace drover::cli
