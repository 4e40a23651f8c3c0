// Applies one batch of events to the tables, in one transaction: JobView::apply(). Room: gateway/view.
#pragma once

#include <vector>

#include "gateway/view/database.h"
#include "gateway/view/job_view.h"

namespace drover::gateway {

Result<EventPositions> read_positions(Database& database);

Result<std::vector<JobChange>> write_batch(Database& database, const EventBatch& batch);

// Adds to the numbers of jobs by queue and state. Those that are not shown are counted too, so that they are found.
Result<void> add_to_counts(Database& database, const QueueCounts& changes);

}  // namespace drover::gateway
