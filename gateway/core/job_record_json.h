// A job's record as JSON, for the rows of the view. Pure. Room: gateway/core.
//
// JSON, since it says by itself what is what, to a person with a database shell and to a later version: names that are
// not known are passed over. It also carries a NUL, which PostgreSQL's text does not.
#pragma once

#include <string>
#include <string_view>

#include "gateway/core/job.h"
#include "gateway/core/job_record.h"

namespace drover::gateway {

// All of a job but its key, state, since, submitted_at, which are columns, and its result's content. Appended to `out`.
void append_job_json(std::string& out, const Job& job);
// The trail without the result's content.
void append_trail_json(std::string& out, const Trail& trail);
void append_result_json(std::string& out, const JobResult& result);

// Each sets what was written. False where it is not what was written.
bool read_job_json(std::string_view json, Job& job);
bool read_trail_json(std::string_view json, Trail& trail);
bool read_result_json(std::string_view json, JobResult& result);

}  // namespace drover::gateway
