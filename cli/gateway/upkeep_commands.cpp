// drover empty and clean: a whole queue at once.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/figures.h"
#include "cli/gateway/bulk_operation.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

constexpr const char* empty_footer = R"(Example:
  drover empty -q email --reason 'a loop filled it' --yes

All that waits now is dropped, delayed and retrying jobs too; what runs goes on. There is no way back, so --yes has to
be said, and the token has to be an admin's.

The exit code is 0; 1 when there is no such queue, or the token may not; 2 without --yes; 3 when the gateway cannot be
reached.)";

constexpr const char* clean_footer = R"(Examples:
  drover clean -q email
  drover clean -q email --state failed --grace 168h --wait

Jobs that ended longer ago are forgotten by the gateway, as a bulk delete; dead letters stay in Kafka. The token has
to be an admin's.

The exit code is 0; 1 when there is no such queue, or the token may not; 3 when the gateway cannot be reached.)";

struct Arguments {
    GatewayArguments gateway;
    std::string queue, output, reason, grace, state;
    bool sure = false, wait = false;
};

int empty_queue(const Arguments& arguments, GatewayApi& api, const std::string& queue, const Environment&) {
    if (!arguments.sure) {
        return complain({Error::Code::invalid,
                         "all jobs of " + queue + " that wait would be dropped, for good: say --yes if that is meant"});
    }
    const auto answer = api.empty(queue, arguments.reason);
    if (!answer) return complain(answer.error());
    const std::int64_t dropped = integer_of(*answer, "dropped").value_or(0);
    if (arguments.output == "json")
        print(*answer);
    else
        std::cout << with_thousands(dropped) << (dropped == 1 ? " job of " : " jobs of ") << queue << " dropped\n";
    return 0;
}

int clean_queue(const Arguments& arguments, GatewayApi& api, const std::string& queue, const Environment& environment) {
    Json request{{"grace", arguments.grace}, {"state", arguments.state}};
    if (!arguments.reason.empty()) request["reason"] = arguments.reason;
    const auto answer = api.clean(queue, request);
    return tell_begun(answer, api, queue, arguments.wait, arguments.output, environment);
}

}  // namespace

void add_upkeep_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    using Run = int (*)(const Arguments&, GatewayApi&, const std::string&, const Environment&);
    const auto add = [&](const char* name, const char* description, const char* footer, Run run) {
        CLI::App* command = app.add_subcommand(name, description);
        const auto arguments = std::make_shared<Arguments>();
        add_queue_option(*command, arguments->queue);
        add_namespace_option(*command, arguments->gateway);
        add_gateway_options(*command, arguments->gateway);
        add_output_option(*command, arguments->output);
        command->add_option("--reason", arguments->reason, "Why, for those who wonder");
        command->footer(footer);
        command->callback([&chosen, arguments, run, &environment] {
            chosen = [arguments, run, &environment] {
                return with_queue(arguments->gateway, arguments->queue, environment,
                                  [&](GatewayApi& api, const std::string& queue) {
                                      return run(*arguments, api, queue, environment);
                                  });
            };
        });
        return std::pair(command, arguments);
    };
    const auto [emptying, what] = add("empty", "Drop all jobs of a queue that wait", empty_footer, empty_queue);
    emptying->add_flag("--yes", what->sure, "It is meant");
    const auto [cleaning, to] = add("clean", "Forget jobs of a queue that ended long ago", clean_footer, clean_queue);
    to->grace = "24h";
    to->state = "completed";
    cleaning->add_option("--grace", to->grace, "They ended longer ago")->capture_default_str();
    cleaning->add_option("--state", to->state, "completed, failed or cancelled")
        ->check(CLI::IsMember({"completed", "failed", "cancelled"}))
        ->capture_default_str();
    cleaning->add_flag("--wait", to->wait, "Until it has ended, and say how far it is");
}

}  // namespace drover::cli
