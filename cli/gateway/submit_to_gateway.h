// Submits jobs through a gateway, and waits for them where that is asked for. Room: cli.
#pragma once

#include <optional>
#include <string>

#include "cli/environment.h"
#include "cli/gateway/follow.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/submission.h"
#include "cli/job_source.h"

namespace drover::cli {

struct GatewayOrder {
    GatewayArguments gateway;
    std::string queue;
    SubmissionFields fields;
    JobSource jobs;
    bool many = false;  // a source of several, however many it has
    std::string idempotency_key;
    Duration patience{0};          // for the gateway to be there
    std::optional<Patience> wait;  // for the jobs to end
    std::string output = "text";
};

// The exit code.
int submit_to_gateway(GatewayOrder& order, const Environment& environment);

}  // namespace drover::cli
