// What the commands that also work straight over Kafka do through a gateway: pause, resume, cancel, dead. Room: cli.
// Each answers the exit code.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/environment.h"
#include "cli/gateway/bulk_request.h"
#include "cli/gateway/gateway_choice.h"

namespace drover::cli {

struct ThroughGateway {
    const GatewayArguments& gateway;
    const std::string& queue;  // "": the only one
    const Environment& environment;
};

int pause_through_gateway(const ThroughGateway& way, bool paused, const std::string& reason);
int cancel_through_gateway(const ThroughGateway& way, const std::vector<std::string>& jobs, const std::string& reason);
int list_dead_through_gateway(const ThroughGateway& way, const std::string& output);
int show_dead_through_gateway(const ThroughGateway& way, const std::string& job, const std::string& output);
int redrive_through_gateway(const ThroughGateway& way, const BulkOrder& order, bool wait);

}  // namespace drover::cli
