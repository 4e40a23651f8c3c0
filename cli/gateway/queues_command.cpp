// drover queues: which there are, and how they do.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/figures.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover queues
  drover queues email -o json | jq .counts

DEAD are failed jobs; DONE/S and FAILING are of the last minutes; WORKERS are ready ones of those that scaling wants.
'drover explain queue NAME' tells why. The exit code is 0; 1 when there is no such queue; 3 when the gateway cannot be
reached.)";

struct Arguments {
    GatewayArguments gateway;
    std::vector<std::string> names;
    std::string output = "text";
};

// Of one: the gateway's answer about it has more.
Result<std::vector<Json>> answers_of(const Arguments& arguments, const Gateway& gateway) {
    std::vector<Json> found;
    if (arguments.names.empty()) {
        const auto all = gateway.api->queues();
        if (!all) return tl::unexpected(all.error());
        for (const Json& each : list_of(*all, "queues")) found.push_back(each);
    }
    for (const std::string& name : arguments.names) {
        auto one = gateway.api->queue(queue_named(name, gateway.ns));
        if (!one) return tl::unexpected(one.error());
        found.push_back(std::move(*one));
    }
    return found;
}

int list_queues(const Arguments& arguments, const Environment& environment) {
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    const auto found = answers_of(arguments, *gateway);
    if (!found) return complain(found.error());
    if (arguments.output == "json") {
        if (arguments.names.size() == 1)
            print(found->front());
        else
            print(Json{{"queues", *found}});
        return 0;
    }
    std::vector<QueueAnswer> queues;
    for (const Json& each : *found) queues.push_back(queue_answer(each));
    if (arguments.output == "name") {
        for (const QueueAnswer& queue : queues) std::cout << one_line(queue.name) << '\n';
        return 0;
    }
    const View view = view_of_stdout(environment);
    if (queues.empty()) std::cerr << "the gateway at " << gateway->api->url() << " knows no queue that you may see\n";
    if (!queues.empty()) print(queue_lines(queues, view), view);
    for (const QueueAnswer& queue : queues) {
        if (!queue.trouble.empty()) std::cerr << one_line(queue.name) << ": " << one_line(queue.trouble) << '\n';
        for (const PauseAnswer& pause : queue.pauses)
            std::cerr << one_line(queue.name) << " is paused by " << pause_text(pause) << '\n';
    }
    return 0;
}

}  // namespace

void add_queues_command(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* command = app.add_subcommand("queues", "All queues, with their counts, rates and workers");
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("QUEUE", arguments->names, "Only these");
    add_namespace_option(*command, arguments->gateway);
    add_gateway_options(*command, arguments->gateway);
    command->add_option("-o,--output", arguments->output, "text, json or name")
        ->check(CLI::IsMember({"text", "json", "name"}))
        ->capture_default_str();
    command->footer(footer);
    command->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] { return list_queues(*arguments, environment); };
    });
}

}  // namespace drover::cli
