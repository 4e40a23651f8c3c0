#include <algorithm>
#include <iostream>
#include <memory>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/kafka_options.h"
#include "cli/queue_files.h"
#include "cli/run/runner.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover run -f queues.yaml
      An embedded broker, the workers, and a sidecar for each, as many as there is work for. Ctrl-C finishes what is in
      flight. The data stays in .drover; the next run goes on with it.
  drover run -f queues.yaml --until-idle --submit "thumbnails=$HOME/Pictures/*.jpg" --paths
      Submits the path of every picture below the folder, and ends when all jobs are done.
  drover run -f queues.yaml --kafka localhost:9092
      With a Kafka of your own.

A queue's worker is the annotation drover.dev/local-command, run by /bin/sh in the file's folder. PORT tells it where to
listen, DROVER_SIDECAR where its sidecar is.)";

struct Arguments {
    std::vector<std::string> files;
    std::string ns;
    std::vector<std::string> submit;
    std::vector<std::string> settings;
    int broker_port = 0;
    bool paths = false;
    bool no_color = false;
    RunOptions options;
};

void refuse_what_cannot_run_here(const std::vector<jobqueue::JobQueue>& queues,
                                 std::vector<jobqueue::Problem>& problems) {
    for (const jobqueue::JobQueue& queue : queues) {
        const auto complain = [&](const std::string& path, const std::string& message) {
            problems.push_back(
                {queue.source_file.empty() ? "<stdin>" : queue.source_file, queue.source_line, path, message});
        };
        const auto command = queue.annotations.find(std::string(jobqueue::local_command_annotation));
        if (command == queue.annotations.end() || command->second.empty()) {
            complain("metadata.annotations['" + std::string(jobqueue::local_command_annotation) + "']",
                     "is missing: the command that starts the worker of queue " + queue.name + " here");
        }
        if (queue.delivery.mode == jobqueue::Mode::pull) complain("spec.delivery.mode", "pull cannot be run here yet");
    }
}

// "QUEUE=FOLDER/PATTERN"
Result<SubmitOrder> submit_order(const std::string& text, const std::vector<jobqueue::JobQueue>& queues) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
        return failure(Error::Code::invalid, "--submit wants QUEUE=FOLDER/PATTERN, not " + text);
    SubmitOrder order{.queue = text.substr(0, equals)};
    if (std::ranges::find(queues, order.queue, &jobqueue::JobQueue::name) == queues.end()) {
        return failure(Error::Code::invalid, "--submit: there is no queue " + order.queue + " in the files");
    }
    const std::filesystem::path path = text.substr(equals + 1);
    auto files = find_files(path.has_parent_path() ? path.parent_path() : ".", path.filename());
    if (!files) return failure(Error::Code::invalid, "--submit: " + files.error().message);
    if (files->empty()) return failure(Error::Code::invalid, "--submit: no file fits " + path.string());
    order.files = std::move(*files);
    return order;
}

std::filesystem::path this_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

int run(Arguments& arguments) {
    RunOptions& options = arguments.options;
    jobqueue::ParsedQueues parsed = read_queue_files(arguments.files);
    move_to_namespace(parsed.queues, arguments.ns);
    if (parsed.problems.empty()) refuse_what_cannot_run_here(parsed.queues, parsed.problems);
    print_problems(parsed.problems);
    bool wrong = !parsed.problems.empty();
    const auto complain = [&wrong](const std::string& message) {
        std::cerr << "drover: " << message << '\n';
        wrong = true;
    };
    if (const auto settings = kafka_settings(arguments.settings))
        options.kafka_settings = *settings;
    else
        complain(settings.error().message);
    for (const std::string& text : arguments.submit) {
        if (!parsed.problems.empty()) break;  // of queues that are not known
        if (auto order = submit_order(text, parsed.queues))
            options.submit.push_back(std::move(*order));
        else
            complain(order.error().message);
    }
    if (wrong) return 2;
    options.queues = std::move(parsed.queues);
    // Its view of jobs is made of them.
    for (jobqueue::JobQueue& queue : options.queues) queue.events = queue.events || options.gateway;
    options.executable = this_program();
    options.data = std::filesystem::absolute(options.data).lexically_normal();
    if (!options.data.has_filename()) options.data = options.data.parent_path();
    if (arguments.broker_port > 0) options.broker_port = static_cast<std::uint16_t>(arguments.broker_port);
    options.submit_as = arguments.paths ? FileAs::path : FileAs::content;
    options.live = ::isatty(STDOUT_FILENO) == 1 && !options.logs;
    options.color = ::isatty(STDOUT_FILENO) == 1 && !arguments.no_color;
    return run_locally(options);
}

}  // namespace

void add_run_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("run", "Run queues here: broker, workers, sidecars, scaling");
    const auto arguments = std::make_shared<Arguments>();
    RunOptions& options = arguments->options;
    options.data = ".drover";
    command->add_option("-f,--file", arguments->files, "JobQueue files; - is stdin")->required()->type_name("FILE");
    command->add_option("--data", options.data, "Folder that keeps jobs and logs")
        ->type_name("FOLDER")
        ->capture_default_str();
    command->add_option("--kafka", options.kafka, "host:port of a Kafka, instead of the embedded broker")
        ->type_name("ADDRESS");
    command->add_flag("--until-idle", options.until_idle, "End when every queue has had nothing to do for 2 s");
    command
        ->add_option("--submit", arguments->submit, "QUEUE=FOLDER/PATTERN: first a job for each file below the folder")
        ->allow_extra_args(false);
    command->add_flag("--paths", arguments->paths,
                      "The submitted jobs are the files' absolute paths, not their content");
    command->add_flag("--logs", options.logs, "Show what workers and sidecars write, in lines instead of the table");
    command->add_option("--namespace", arguments->ns, "Of queues that name none")->type_name("NAME");
    command->add_option("--port-base", options.port_base, "First sidecar's port; workers' are 500 above")
        ->check(CLI::Range(1, 64000))
        ->capture_default_str();
    command->add_option("--broker-port", arguments->broker_port, "Of the embedded broker; default 9092, or a free one")
        ->check(CLI::Range(1, 65535));
    command->add_option("--broker", options.broker, "The embedded broker's program; default: beside this one")
        ->envname("DROVER_BROKER")
        ->type_name("FILE");
    command->add_flag("!--no-gateway", options.gateway, "No gateway, which is 60 above --port-base otherwise");
    command->add_flag("--no-color", arguments->no_color, "No colours")->envname("NO_COLOR");
    command->add_option("-X", arguments->settings, "A setting of librdkafka, name=value, e.g. security.protocol=ssl")
        ->allow_extra_args(false);
    command->footer(footer);
    command->callback([&chosen, arguments] { chosen = [arguments] { return run(*arguments); }; });
}

}  // namespace drover::cli
