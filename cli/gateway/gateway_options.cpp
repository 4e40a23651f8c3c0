#include "cli/gateway/gateway_options.h"

#include <CLI/CLI.hpp>

#include "cli/gateway/context_file.h"
#include "cli/queue_options.h"
#include "cli/read_file.h"

namespace drover::cli {
namespace {

Result<std::string> read_named(const std::string& file, const char* what) {
    if (file.empty()) return std::string();
    Result<std::string> text = read_file(file);
    if (!text)
        return failure(Error::Code::invalid,
                       std::string("cannot read ") + what + " " + file + ": " + text.error().message);
    return text;
}

// An editor puts a line end behind it.
std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
}

// As kubectl would take it; --namespace and the context's go before.
std::string plugin_namespace(const Environment& environment) {
    if (!environment.is_kubectl_plugin || environment.kubeconfig.empty()) return "";
    const Result<std::string> text = read_file(environment.kubeconfig);
    return text ? namespace_of_kubeconfig(*text) : "";
}

}  // namespace

void add_gateway_options(CLI::App& command, GatewayArguments& to) {
    constexpr const char* group = "Gateway";
    command.add_option("--gateway", to.gateway, "Its address (default: the current context's, else port 4100 here)")
        ->type_name("URL")
        ->group(group);
    command.add_option("--context", to.context, "The gateway of this name; see 'drover context'")
        ->type_name("NAME")
        ->group(group);
    command.add_option("--token-file", to.token_file, "File with the token to show (or DROVER_TOKEN)")
        ->type_name("FILE")
        ->group(group);
    command.add_option("--ca", to.ca, "PEM file with the authority of its certificate")
        ->type_name("FILE")
        ->group(group);
}

void add_namespace_option(CLI::App& command, GatewayArguments& to) {
    command.add_option("-n,--namespace", to.ns, "Of a queue that is named without one")->type_name("NAME");
}

void add_queue_option(CLI::App& command, std::string& queue) {
    command.add_option("-q,--queue", queue, "NAME or NAMESPACE.NAME; not needed where there is only one")
        ->type_name("QUEUE");
}

void add_output_option(CLI::App& command, std::string& output) {
    output = "text";
    command.add_option("-o,--output", output, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
}

Result<Gateway> open_gateway(const GatewayArguments& arguments, const Environment& environment) {
    const auto contexts = read_contexts(environment);
    if (!contexts) return tl::unexpected(contexts.error());
    const auto choice = choose_gateway(arguments, environment, *contexts);
    if (!choice) return tl::unexpected(choice.error());
    auto token = read_named(choice->token_file, "the token in");
    if (!token) return tl::unexpected(token.error());
    auto ca = read_named(choice->ca_file, "the authority in");
    if (!ca) return tl::unexpected(ca.error());
    auto api = GatewayApi::create({.url = choice->url,
                                   .token = trimmed(choice->token_file.empty() ? choice->token : *token),
                                   .ca = std::move(*ca)});
    if (!api) return tl::unexpected(api.error());
    return Gateway{std::move(*api), choice->ns.empty() ? plugin_namespace(environment) : choice->ns};
}

Result<std::string> which_queue(const Gateway& gateway, const std::string& name) {
    if (!name.empty()) return queue_named(name, gateway.ns);
    const auto answer = gateway.api->queues();
    if (!answer) return tl::unexpected(answer.error());
    const Json& queues = list_of(*answer, "queues");
    if (queues.size() == 1) return text_of(queues[0], "name");
    if (queues.empty())
        return failure(Error::Code::not_found,
                       "the gateway at " + gateway.api->url() + " knows no queue that you may see");
    std::string names;
    for (const Json& each : queues) names.append(names.empty() ? "" : ", ").append(text_of(each, "name"));
    return failure(Error::Code::invalid, "which queue? Give -q QUEUE; there are " + names);
}

int with_queue(const GatewayArguments& arguments, const std::string& queue, const Environment& environment,
               const std::function<int(GatewayApi& api, const std::string& queue)>& then) {
    const auto gateway = open_gateway(arguments, environment);
    if (!gateway) return complain(gateway.error());
    const auto found = which_queue(*gateway, queue);
    if (!found) return complain(found.error());
    return then(*gateway->api, *found);
}

Result<Way> way_of(const QueueArguments& kafka, const GatewayArguments& gateway) {
    const bool by_kafka =
        !kafka.files.empty() || !kafka.kafka.empty() || !kafka.topic.empty() || !kafka.settings.empty();
    if (by_kafka && gateway.any_given()) {
        return failure(Error::Code::invalid,
                       "-f, --kafka, --topic and -X go straight to Kafka; --gateway, --context, --token-file and --ca "
                       "go through a gateway: give options of one kind");
    }
    return by_kafka ? Way::kafka : Way::gateway;
}

}  // namespace drover::cli
