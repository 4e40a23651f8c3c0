// drover context: the gateways that somebody works with.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/gateway/context_file.h"
#include "cli/gateway/gateway_options.h"
#include "cli/queue_options.h"
#include "cli/terminal.h"

#include <unistd.h>

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover context add shop --gateway https://drover.shop.example --token-file ~/.shop-token --use
  drover context use shop
  drover context list

They are kept in ~/.config/drover/config.yaml (or below XDG_CONFIG_HOME), which only you may read.)";

struct Arguments {
    Context context;
    std::string output;
    bool use = false, token_from_stdin = false;
};

// Reads, changes, writes.
template <class Change>
int change(const Environment& environment, Change how, const std::string& done) {
    auto contexts = read_contexts(environment);
    if (!contexts) return complain(contexts.error());
    if (const Result<void> changed = how(*contexts); !changed) return complain(changed.error());
    if (const auto written = write_contexts(environment, *contexts); !written) return complain(written.error());
    std::cout << done << '\n';
    return 0;
}

int add(Arguments& arguments, const Environment& environment) {
    Context& context = arguments.context;
    if (arguments.token_from_stdin) {
        if (!context.token_file.empty())
            return complain({Error::Code::invalid, "give one of --token-file and --token-stdin"});
        std::getline(std::cin, context.token);
        if (context.token.empty()) return complain({Error::Code::invalid, "--token-stdin: there is no token on stdin"});
    }
    // The file is read from other folders too.
    for (std::string* file : {&context.token_file, &context.ca}) {
        if (!file->empty()) *file = std::filesystem::absolute(*file).lexically_normal();
    }
    return change(
        environment,
        [&](Contexts& contexts) -> Result<void> {
            if (auto added = add_context(contexts, context); !added) return added;
            return arguments.use ? use_context(contexts, context.name) : Result<void>{};
        },
        "context " + context.name + " is " + context.gateway);
}

int list(const Arguments& arguments, const Environment& environment) {
    const auto contexts = read_contexts(environment);
    if (!contexts) return complain(contexts.error());
    if (arguments.output == "json") {
        Json all = Json::array();
        for (const Context& each : contexts->list) {
            all.push_back({{"name", each.name},
                           {"gateway", each.gateway},
                           {"namespace", each.ns},
                           {"current", each.name == contexts->current}});
        }
        std::cout << pretty({{"contexts", all}}) << '\n';
        return 0;
    }
    if (contexts->list.empty()) {
        std::cout << "no contexts; commands talk to " << default_gateway << '\n';
        return 0;
    }
    Column names{.heading = "NAME", .to_the_right = false};
    Column current{.heading = "CURRENT", .importance = 2, .to_the_right = false};
    Column gateway{.heading = "GATEWAY", .importance = 3, .to_the_right = false};
    Column ns{.heading = "NAMESPACE", .importance = 1, .to_the_right = false};
    for (const Context& each : contexts->list) {
        const bool is_current = each.name == contexts->current;
        names.cells.push_back({one_line(each.name), is_current ? Style::bold : Style::plain});
        current.cells.push_back({is_current ? "*" : "", Style::green});
        gateway.cells.push_back({one_line(each.gateway)});
        ns.cells.push_back({one_line(each.ns)});
    }
    const Terminal terminal = terminal_at(STDOUT_FILENO, environment);
    for (const Line& line : lay_out(names, {current, gateway, ns}, terminal.width))
        std::cout << render(line, terminal.width, terminal.color) << '\n';
    return 0;
}

}  // namespace

void add_context_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* group = app.add_subcommand("context", "The gateways that you work with");
    group->require_subcommand(1);
    group->footer(footer);
    const auto arguments = std::make_shared<Arguments>();
    Context& context = arguments->context;
    const auto named = [&](const char* name, const char* description) {
        CLI::App* command = group->add_subcommand(name, description);
        command->add_option("NAME", context.name, "Of the context")->required();
        return command;
    };
    CLI::App* adding = named("add", "Name a gateway, or change the one of that name");
    adding->add_option("--gateway", context.gateway, "Its address")->required()->type_name("URL");
    adding->add_option("--ca", context.ca, "PEM file with the authority of its certificate")->type_name("FILE");
    adding->add_option("--token-file", context.token_file, "File with the token to show")->type_name("FILE");
    adding->add_flag("--token-stdin", arguments->token_from_stdin, "Keep the token that stdin's first line is");
    adding->add_option("-n,--namespace", context.ns, "Of queues that are named without one")->type_name("NAME");
    adding->add_flag("--use", arguments->use, "Make it the current one");
    adding->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] { return add(*arguments, environment); };
    });
    named("use", "Make it the current one")->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] {
            const std::string& name = arguments->context.name;
            return change(
                environment, [&](Contexts& contexts) { return use_context(contexts, name); },
                "commands talk to " + name + " now");
        };
    });
    named("remove", "Forget it")->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] {
            const std::string& name = arguments->context.name;
            return change(
                environment, [&](Contexts& contexts) { return remove_context(contexts, name); },
                "context " + name + " is gone");
        };
    });
    CLI::App* listing = group->add_subcommand("list", "All of them");
    add_output_option(*listing, arguments->output);
    listing->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] { return list(*arguments, environment); };
    });
}

}  // namespace drover::cli
