// What people ask about jobs and queues, but for lists: see JobView. Room: gateway/view.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/core/job.h"
#include "gateway/view/database.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::gateway {

Result<std::vector<JobDetail>> read_jobs(Database& database, const std::string& id);
Result<std::optional<JobDetail>> read_one_job(Database& database, const JobKey& key);
Result<std::vector<Transition>> read_history(Database& database, const JobKey& key);
Result<std::vector<LogEntry>> read_logs(Database& database, const JobKey& key);

// "": of all queues.
Result<QueueCounts> read_counts(Database& database, const std::string& queue);
Result<QueueCounts> count_anew(Database& database);
Result<QueueFigures> read_figures(Database& database, const std::string& queue, Time since);
Result<std::map<std::string, QueuePulse>> read_pulses(Database& database, Time since);
Result<std::map<JobState, Time>> read_oldest(Database& database, const std::string& queue);

}  // namespace drover::gateway
