// Scripts by which shells complete the command line. Pure. Room: cli.
#pragma once

#include <string>
#include <vector>

namespace drover::cli {

// A command with its options and subcommands, as CLI11 knows them.
struct CommandTree {
    struct Option {
        std::vector<std::string> names;  // with their dashes
        std::string description;
        bool takes_value = false;
        std::vector<std::string> choices;  // "" : any
        enum class Value { any, file, queue } value = Value::any;
    };
    std::string name, description;
    std::vector<Option> options;
    bool takes_queue = false;  // its arguments are names of queues
    std::vector<CommandTree> commands;
};

// `program` is what people type. Names of queues are asked of the gateway when Tab is hit.
std::string bash_completion(const CommandTree& tree, const std::string& program);
std::string zsh_completion(const CommandTree& tree, const std::string& program);
std::string fish_completion(const CommandTree& tree, const std::string& program);

}  // namespace drover::cli
