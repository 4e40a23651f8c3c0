// Rows of the tables jobs and reports as values. Room: gateway/view.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/job.h"
#include "gateway/view/database.h"
#include "src/base/result.h"

namespace drover::gateway {

enum class ReportKind : std::int64_t { log = 0, intermediate = 1 };
inline constexpr std::int64_t most_logs = 1000, most_intermediate = 16;

// Columns 0 to 5 of a row that begins with `job_columns`. False where the row is not one that we wrote.
inline constexpr std::string_view job_columns = "j.queue, j.id, j.state, j.since, j.submitted, j.job";
bool read_job(const SqlRow& row, Job& job);

// What a report keeps: of a log entry its level and how many lines were left out, of a result what kind it is; and
// beside it the lines, or the content.
std::string log_head(std::string_view level, std::uint64_t lines_left_out);
bool read_log_head(std::string_view json, LogEntry& entry);

// `internal`: a row that is not one of ours; whoever feeds the view builds it anew.
tl::unexpected<Error> damaged_row();

}  // namespace drover::gateway
