#include "cli/queue_options.h"

#include <iostream>

#include <CLI/CLI.hpp>

namespace drover::cli {

void add_queue_options(CLI::App& command, QueueArguments& to) {
    CLI::Option* file =
        command.add_option("-f,--file", to.files, "The queue's JobQueue file: names its topic, broker and limits")
            ->allow_extra_args(false)
            ->group("Kafka");
    CLI::Option* queue = command.add_option(
        "-q,--queue", to.queue, "The queue's name, or <namespace>.<name>; not needed where the file has only one");
    command.add_option("--topic", to.topic, "The queue's main topic, instead")
        ->excludes(queue)
        ->excludes(file)
        ->group("Kafka");
    command.add_option("-n,--namespace", to.ns, "The queue's namespace, where its name has none");
    command.add_option("--kafka", to.kafka, "host:port of Kafka; default: what the file says, or localhost:9092")
        ->group("Kafka");
    command.add_option("-X", to.settings, "A setting of librdkafka, name=value")
        ->allow_extra_args(false)
        ->group("Kafka");
}

void add_by_option(CLI::App& command, std::string& by) {
    by = "somebody";
    command.add_option("--by", by, "Who does it, as others will read it")->envname("USER");
}

int complain(const Error& error) {
    std::cerr << "drover: " << error.message << '\n';
    switch (error.code) {
        case Error::Code::invalid:
        case Error::Code::too_large: return 2;
        case Error::Code::unavailable:
        case Error::Code::timeout: return 3;
        default: return 1;
    }
}

}  // namespace drover::cli
