// Jobs and queues as /v1 answers them. Pure. Room: gateway/core.
//
// A job: {"id", "queue", "type", "state", "run", "attempt", "maxAttempts", "since", "submittedAt", "startedAt",
// "finishedAt", "dueAt", "updatedAt", "busy" (seconds), "pod", "error": {"class", "status", "message"},
// "progress": {"percent", "step", "message"}, "eta": {"at", "seconds", "by"}, "result", "intermediateResults",
// "labels", "place": {"topic", "partition", "offset"}}. What is not known is not there. Times are RFC 3339, UTC,
// milliseconds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/eta.h"
#include "gateway/core/job.h"

namespace drover::gateway {

nlohmann::ordered_json job_json(const Job& job);
nlohmann::ordered_json job_json(const JobDetail& detail, const std::optional<Eta>& eta);
nlohmann::ordered_json transition_json(const Transition& transition);
nlohmann::ordered_json log_json(const LogEntry& entry);

// {"waiting": 3, …}, every visible state.
nlohmann::ordered_json counts_json(const StateCounts& counts);
// {"since", "completed", "failed", "cancelled", "retried", "perMinute", "failureRate", "retryRate", "run": {…}, "wait":
// {…}, "errors": {class: n}, "minutes": [{"at", …}]}
nlohmann::ordered_json figures_json(const QueueFigures& figures, Time since, Time now);

// Anything as text: bytes that are not UTF-8 become U+FFFD.
std::string to_text(const nlohmann::ordered_json& json);

}  // namespace drover::gateway
