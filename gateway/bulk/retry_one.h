// Retries one failed job. Room: gateway/bulk. Blocks: on a thread of the runner's.
#pragma once

#include <optional>
#include <string>

#include "gateway/bulk/shared_redrivers.h"

namespace drover::gateway {

struct RetryOne {
    std::shared_ptr<const KnownQueue> queue;
    std::string job_id;
    // As the view knows it: where its letter is looked for first. Nothing: the view knows nothing.
    struct Hint {
        int run = 0;
        Time failed_at{};
    };
    std::optional<Hint> hint;
    std::string edit;  // a JSON patch (RFC 6902) of its payload; "": none
    std::string by;
};

struct RetriedJob {
    int run = 0;  // as which it comes again
};

// Errors: `not_found`: it has no dead letter. `conflict`: it was retried before, or its letter has no payload.
// `invalid`: the edit does not fit. `unavailable` or `timeout`: Kafka did not answer.
Result<RetriedJob> retry_one(BulkContext& context, const RetryOne& what);

}  // namespace drover::gateway
