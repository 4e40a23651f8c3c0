// Waits for jobs to end. Room: cli. Blocks.
//
// By long polls of a second, so progress is seen as it comes; a gateway that goes away is asked again for a minute.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/gateway/gateway_api.h"

namespace drover::cli {

struct Patience {
    std::optional<Duration> limit;                       // for all of it; nothing: as long as it takes
    Duration without_gateway = std::chrono::minutes(1);  // that it may be away at a time
    int run = 0;                                         // the end of an earlier run does not count
};

struct Watched {
    std::function<void(const Json& job)> on_job;      // at every look
    std::function<void(const Error& error)> on_away;  // the gateway does not answer; it is asked again
};

// The job as it ended. `conflict`: it has not ended within the limit. `unavailable`: the gateway stayed away. Other
// errors as the gateway answers them.
Result<Json> wait_for_end(GatewayApi& api, const std::string& id, const Patience& patience, const Watched& watched);

}  // namespace drover::cli
