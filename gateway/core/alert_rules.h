// When a queue is in a state that somebody should hear of. Pure: figures and the time in. Room: gateway/core.
//
// A rule fires once its figure has been over its limit for `hold`, and is over once it has been at or below it for as
// long. The limits' defaults are those of the alert rules that the chart installs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/time.h"

namespace drover::gateway {

struct AlertLimits {
    std::int64_t waiting = 1000;
    double failure_rate = 0.05;  // of jobs that ended
    Duration wait = std::chrono::minutes(1);
    Duration mean_run = std::chrono::seconds(10);
    std::vector<std::string> mean_run_queues{"*.email", "*.sms"};  // by pattern; others may take as long as they do
    Duration hold = std::chrono::minutes(1);
    bool operator==(const AlertLimits&) const = default;
};

struct AlertFigures {
    std::int64_t waiting = 0;
    std::int64_t completed = 0, failed = 0;  // lately
    Duration mean_run{};
    std::optional<Time> oldest_waiting;
};

struct Alert {
    std::string queue;
    std::string name;     // JobsWaiting, JobsFailing, JobsSlow, JobsWaitLong
    bool firing = false;  // or it is over
    std::string message;  // a sentence with its figures
    Time at{};
    bool operator==(const Alert&) const = default;
};

class AlertBook {
public:
    // What has begun or is over with these figures.
    std::vector<Alert> step(const std::string& queue, const AlertFigures& figures, const AlertLimits& limits, Time now);
    void forget(std::string_view queue);

private:
    struct State {
        bool firing = false;
        std::optional<Time> other_since;  // since when the figure has said the opposite
    };
    std::map<std::pair<std::string, std::string>, State> states_;  // by queue and name
};

// {"type": "alert.firing" or "alert.resolved", "timestamp", "data": {"queue", "alert", "message"}}
std::string alert_body(const Alert& alert);

}  // namespace drover::gateway
