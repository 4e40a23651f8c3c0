// drover completion: from the command line's own tree, so that nothing is forgotten.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/environment.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  source <(drover completion bash)                                   # now; in ~/.bashrc: always
  drover completion zsh > "${fpath[1]}/_drover"
  drover completion fish > ~/.config/fish/completions/drover.fish

Names of queues are asked of the gateway.)";

bool has(const std::vector<std::string>& names, const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// CLI11 keeps choices in the text of the check: "{text,json}".
std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string text = option.get_type_name();
    const std::size_t open = text.find('{'), close = text.find('}', open == std::string::npos ? 0 : open);
    if (open == std::string::npos || close == std::string::npos) return {};
    std::vector<std::string> choices;
    for (std::size_t begin = open + 1; begin < close;) {
        const std::size_t end = std::min(text.find(',', begin), close);
        choices.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return choices;
}

CommandTree::Option option_of(const CLI::Option& option) {
    CommandTree::Option made{.names = {}, .description = option.get_description(), .choices = {}};
    for (const std::string& name : option.get_snames()) made.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) made.names.push_back("--" + name);
    made.takes_value = option.get_items_expected_max() > 0;
    made.choices = choices_of(option);
    const std::string type = option.get_type_name();
    if (has(made.names, "--queue"))
        made.value = CommandTree::Option::Value::queue;
    else if (type.find("FILE") != std::string::npos || type.find("FOLDER") != std::string::npos ||
             has(made.names, "--file") || has(made.names, "--lines") || has(made.names, "--folder"))
        made.value = CommandTree::Option::Value::file;
    return made;
}

CommandTree tree_of(const CLI::App& app) {
    CommandTree tree{.name = app.get_name(), .description = app.get_description(), .options = {}, .commands = {}};
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional() && option->get_lnames().empty() && option->get_snames().empty()) {
            if (option->get_name() == "QUEUE") tree.takes_queue = true;
            continue;
        }
        tree.options.push_back(option_of(*option));
    }
    for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; }))
        tree.commands.push_back(tree_of(*each));
    return tree;
}

}  // namespace

void add_completion_command(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* command =
        app.add_subcommand("completion", "A script by which a shell completes commands, options and queues");
    const auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->footer(footer);
    command->callback([&app, &chosen, shell, &environment] {
        chosen = [&app, shell, &environment] {
            const std::string program = environment.is_kubectl_plugin ? "kubectl-drover" : "drover";
            const CommandTree tree = tree_of(app);
            std::cout << (*shell == "bash"  ? bash_completion(tree, program)
                          : *shell == "zsh" ? zsh_completion(tree, program)
                                            : fish_completion(tree, program));
            return 0;
        };
    });
}

}  // namespace drover::cli
