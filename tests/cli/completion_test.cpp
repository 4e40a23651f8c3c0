#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What shells make of these is tested in test_command_line.py.
TEST(Completion, D2_a_script_names_every_command_option_and_choice) {
    CommandTree tree{.name = "drover", .description = "it's"};
    tree.options.push_back({.names = {"-h", "--help"}, .description = "Help"});
    CommandTree dead{.name = "dead", .description = "What's dead"};
    CommandTree list{.name = "list", .description = "All"};
    list.options.push_back(
        {.names = {"-o", "--output"}, .description = "How", .takes_value = true, .choices = {"text", "json"}});
    list.options.push_back(
        {.names = {"-q", "--queue"}, .takes_value = true, .value = CommandTree::Option::Value::queue});
    dead.commands.push_back(list);
    tree.commands.push_back(dead);
    for (const std::string& script : {bash_completion(tree, "drover"), zsh_completion(tree, "drover")}) {
        EXPECT_THAT(script, AllOf(HasSubstr("\"dead list\") echo ' -o --output -q --queue'"),
                                  HasSubstr("\"dead list:-o\"|\"dead list:--output\") echo text json"),
                                  HasSubstr("drover queues -o name")));
    }
    const std::string fish = fish_completion(tree, "drover");
    EXPECT_THAT(
        fish, AllOf(HasSubstr("-a dead -d 'What'\\''s dead'"), HasSubstr("-s o -l output -r -a 'text json' -d 'How'")));
}

}  // namespace
}  // namespace drover::cli
