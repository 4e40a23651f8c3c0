// Starts a bulk operation and follows it. Room: cli. Blocks.
#pragma once

#include <string>

#include "cli/environment.h"
#include "cli/gateway/bulk_request.h"
#include "cli/gateway/follow.h"

namespace drover::cli {

// Until it has ended, with a progress line. The exit code: 0 where all was done; 1 where some jobs failed or were left
// out, or it was aborted; 3 where the gateway went away.
int follow_operation(GatewayApi& api, const std::string& queue, const std::string& id, const std::string& output,
                     const Environment& environment);

// What the gateway answered when one was to begin: its id is told, or, with `wait`, it is followed.
int tell_begun(const Result<Json>& answer, GatewayApi& api, const std::string& queue, bool wait,
               const std::string& output, const Environment& environment);

// A dry run tells what it would do. The exit code: 1 where no job is meant.
int run_bulk(GatewayApi& api, const std::string& queue, const Json& request, bool wait, const std::string& output,
             const Environment& environment);

}  // namespace drover::cli
