// What a bulk operation would do. Room: gateway/bulk. Blocks: on a thread of the runner's.
#pragma once

#include <cstdint>
#include <vector>

#include "gateway/bulk/shared_redrivers.h"
#include "gateway/core/bulk_order.h"

namespace drover::gateway {

struct DryRun {
    std::int64_t matched = 0;
    std::vector<Job> sample;  // at most 20
};
Result<DryRun> dry_run(BulkContext& context, const KnownQueue& queue, const BulkOrder& order);

}  // namespace drover::gateway
