#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/queue_files.h"

namespace drover::cli {
namespace {

void print_queue(const jobqueue::JobQueue& queue) {
    const jobqueue::Topics topics = jobqueue::topics_of(queue);
    std::cout << queue.ns << '.' << queue.name << ": " << topics.main;
    for (const jobqueue::LaneTopic& lane : topics.lanes) {
        if (lane.topic != topics.main) std::cout << ' ' << lane.topic;
    }
    for (const jobqueue::RetryTopic& retry : topics.retries) std::cout << ' ' << retry.topic;
    std::cout << ' ' << topics.dead_letters << ' ' << topics.control << '\n';
}

}  // namespace

void add_validate_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("validate", "Check JobQueue files; name each queue's topics");
    const auto files = std::make_shared<std::vector<std::string>>();
    const auto output = std::make_shared<std::string>("text");
    command->add_option("file", *files, "JobQueue files, YAML or JSON; - is stdin")->required();
    command->add_option("-o,--output", *output, "text, or json: each queue on a line, its defaults written out")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    command->footer(
        "Example:\n  drover validate queues.yaml\n\nEvery problem is listed with its file, line and field, and "
        "the exit code is then 2.");
    command->callback([&chosen, files, output] {
        chosen = [files, output] {
            const jobqueue::ParsedQueues parsed = read_queue_files(*files);
            if (!parsed.problems.empty()) {
                print_problems(parsed.problems);
                return 2;
            }
            for (const jobqueue::JobQueue& queue : parsed.queues) {
                if (*output == "json")
                    std::cout << jobqueue::to_json(queue) << '\n';
                else
                    print_queue(queue);
            }
            return 0;
        };
    });
}

}  // namespace drover::cli
