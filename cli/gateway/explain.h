// Why a job is not running, and why a queue is at its scale: findings from what the gateway tells. Pure. Room: cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/gateway/answers.h"
#include "cli/terminal_text.h"

namespace drover::cli {

struct Finding {
    enum class Weight { info, warning, problem };
    std::string about;  // "paused", "position", "workers": for programs
    std::string text;   // for people
    Weight weight = Weight::info;
    bool operator==(const Finding&) const = default;
};

struct Explanation {
    std::string subject;            // "job 0199…"
    std::string summary;            // "waits because its queue is paused"
    std::vector<Finding> findings;  // what matters most first
};

// What could not be asked, because the gateway is older or the token may not, is not there.
struct JobFacts {
    Json job;
    std::optional<Json> queue;                 // of GET /v1/queues/{q}
    std::optional<std::int64_t> before;        // jobs of its queue that wait and came before it
    bool before_is_least = false;              // there may be more
    std::optional<std::vector<Json>> workers;  // that the gateway has heard of
    std::optional<Json> cancel;                // the audit entry of its cancel
};
Explanation explain_job(const JobFacts& facts, Time now);

struct QueueFacts {
    Json queue;
    std::optional<Json> lag;  // samples and decisions
    std::optional<std::vector<Json>> workers;
    std::vector<ErrorGroupAnswer> errors;
};
Explanation explain_queue(const QueueFacts& facts, Time now);

std::vector<Line> lines_of(const Explanation& explanation);
Json json_of(const Explanation& explanation);

}  // namespace drover::cli
