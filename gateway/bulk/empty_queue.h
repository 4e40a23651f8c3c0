// Drops all that waits in a queue. Room: gateway/bulk. Blocks: on a thread of the runner's.
#pragma once

#include <string>

#include "gateway/bulk/shared_redrivers.h"

namespace drover::gateway {

// What stands in its lanes and retry topics now is finished without a hand-over, and its delayed jobs are cancelled,
// all in one transaction: how many delayed jobs that were. What is with a worker already is not touched.
Result<std::int64_t> empty_queue(BulkContext& context, const KnownQueue& queue, const std::string& by,
                                 const std::string& reason);

}  // namespace drover::gateway
