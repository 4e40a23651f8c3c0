// Pages of jobs: JobView::list(). Room: gateway/view.
#pragma once

#include <string>

#include "gateway/core/job.h"
#include "gateway/view/database.h"
#include "src/base/result.h"

namespace drover::gateway {

Result<JobPage> list_jobs(Database& database, const JobFilter& filter, const std::string& cursor, int limit);

}  // namespace drover::gateway
