#include "cli/queue_options.h"

#include <iostream>

#include <CLI/CLI.hpp>

namespace drover::cli {

void add_queue_options(CLI::App& command, QueueArguments& to) {
    CLI::Option* file =
        command.add_option("-f,--file", to.files, "The queue's JobQueue file: names its topic, broker and limits")
            ->allow_extra_args(false);
    CLI::Option* queue = command.add_option(
        "-q,--queue", to.queue, "The queue's name, or <namespace>.<name>; not needed where the file has only one");
    command.add_option("--topic", to.topic, "The queue's main topic, instead")->excludes(queue)->excludes(file);
    command.add_option("--namespace", to.ns, "The queue's namespace")->capture_default_str();
    command.add_option("--kafka", to.kafka, "host:port of Kafka; default: what the file says, or localhost:9092");
    command.add_option("-X", to.settings, "A setting of librdkafka, name=value")->allow_extra_args(false);
}

void add_by_option(CLI::App& command, std::string& by) {
    by = "somebody";
    command.add_option("--by", by, "Who does it, as others will read it")->envname("USER");
}

int complain(const Error& error) {
    std::cerr << "drover: " << error.message << '\n';
    return error.code == Error::Code::invalid ? 2 : 1;
}

}  // namespace drover::cli
