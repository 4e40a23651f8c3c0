// Which gateway a command talks to, and as whom. Pure. Room: cli.
//
// The first of these: --gateway, --context, DROVER_GATEWAY, the current context, http://127.0.0.1:4100. A context's
// token and authority go to its own gateway only. The token is the first of: --token-file, DROVER_TOKEN, the context's.
#pragma once

#include <string>
#include <string_view>

#include "cli/environment.h"
#include "cli/gateway/contexts.h"

namespace drover::cli {

inline constexpr std::string_view default_gateway = "http://127.0.0.1:4100";

struct GatewayArguments {
    std::string gateway, context, token_file, ca, ns;

    bool any_given() const { return !gateway.empty() || !context.empty() || !token_file.empty() || !ca.empty(); }
};

struct GatewayChoice {
    std::string url;
    std::string token_file, token;  // at most one of them
    std::string ca_file;
    std::string ns;  // of queues that are named without one; "": the gateway knows
    bool operator==(const GatewayChoice&) const = default;
};

Result<GatewayChoice> choose_gateway(const GatewayArguments& arguments, const Environment& environment,
                                     const Contexts& contexts);

// <namespace>.<name> as it is; a bare name gets the namespace, where there is one.
std::string queue_named(const std::string& name, const std::string& ns);

// The namespace of a kubeconfig's current context; "default" where it names none, as kubectl has it. Total.
std::string namespace_of_kubeconfig(std::string_view text);

}  // namespace drover::cli
