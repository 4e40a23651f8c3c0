// Jobs and queues as front ends of older job systems expect them. Pure. Room: gateway/core.
//
// Bull's states: a job that retries is `delayed`, a cancelled one `failed`. Its times are milliseconds since 1970.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/eta.h"
#include "gateway/core/job.h"
#include "gateway/core/workers_book.h"

namespace drover::gateway {

struct BullQueue {
    std::string name;  // without its namespace, where that is the default one
    StateCounts counts;
    bool paused = false;
};

// {"timestamp", "queues": [{"name", "counts": {…}}], "summary": {…}}
nlohmann::ordered_json bull_status(const std::vector<BullQueue>& queues, Time now);
// The states that `status` of GET /queues/:queue/jobs asks for: waiting, active, completed, failed, delayed, paused.
// Nothing: it is none of them. Of `paused` none: jobs of a paused queue wait.
std::optional<std::vector<JobState>> bull_states(std::string_view status);
nlohmann::ordered_json bull_job(const Job& job);       // of a list
nlohmann::ordered_json bull_progress(const Job& job);  // of one
// {"status": "pending", "processing", "completed" or "failed", …}
nlohmann::ordered_json check_status(const JobDetail& detail, const std::optional<Eta>& eta, Time now);

// Whether workers can be reached, by queue; null: nobody has told of its workers. {"status": "ok" (somebody works, or
// would as soon as there is a job), "unreachable" or "unknown", "available", "queues": [{"name", "status", "available",
// "workers", "ready", "message"}], "timestamp"}; over all queues the worst.
nlohmann::ordered_json worker_status(const std::map<std::string, const WorkersBook::Entry*>& queues, Time now);

// A job that a POST there makes.
struct TestSend {
    std::string_view path;
    std::string_view queue, type;
    std::vector<std::string_view> fields;  // of its body, all texts and all needed
};
const std::vector<TestSend>& test_sends();

}  // namespace drover::gateway
