// The options by which commands name a gateway, and the way there. Room: cli.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/environment.h"
#include "cli/gateway/gateway_api.h"
#include "cli/gateway/gateway_choice.h"
#include "cli/queue_target.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace drover::cli {

// --gateway, --context, --token-file, --ca.
void add_gateway_options(CLI::App& command, GatewayArguments& to);
// And -n, --namespace.
void add_namespace_option(CLI::App& command, GatewayArguments& to);
// And -q, --queue.
void add_queue_option(CLI::App& command, std::string& queue);
// -o text|json.
void add_output_option(CLI::App& command, std::string& output);

struct Gateway {
    std::unique_ptr<GatewayApi> api;
    std::string ns;  // of queues that are named without one; "": the gateway knows
};
// Reads the contexts, the token and the authority; asks nobody yet.
Result<Gateway> open_gateway(const GatewayArguments& arguments, const Environment& environment);

// The queue of that name. Without one: the only queue that there is.
Result<std::string> which_queue(const Gateway& gateway, const std::string& name);

// Opens the gateway, finds the queue, and does `then` with both; what is wrong is complained of. The exit code.
int with_queue(const GatewayArguments& arguments, const std::string& queue, const Environment& environment,
               const std::function<int(GatewayApi& api, const std::string& queue)>& then);

enum class Way { gateway, kafka };
// Commands that can do both go to Kafka where -f, --kafka, --topic or -X are given, else through a gateway. Both kinds
// of options together are `invalid`.
Result<Way> way_of(const QueueArguments& kafka, const GatewayArguments& gateway);

}  // namespace drover::cli
