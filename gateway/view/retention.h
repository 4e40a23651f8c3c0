// Drops what is no longer kept: JobView::forget() and forget_traces(). Room: gateway/view.
#pragma once

#include <string>

#include "gateway/core/job.h"
#include "gateway/view/database.h"
#include "gateway/view/job_view.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::gateway {

Result<Forgotten> forget_jobs(Database& database, const std::string& queue, const QueueRetention& retention, Time now,
                              int limit);
Result<Forgotten> forget_what_is_no_job(Database& database, Time now, Time figures_from, int limit);

}  // namespace drover::gateway
