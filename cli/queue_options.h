// The options by which commands name a queue. Room: cli.
#pragma once

#include <string>

#include "cli/queue_target.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace drover::cli {

// -f, -q, --topic, --namespace, --kafka, -X.
void add_queue_options(CLI::App& command, QueueArguments& to);
// --by: who does it, for those who read it later.
void add_by_option(CLI::App& command, std::string& by);

// "drover: …" on stderr; the exit code: 2 where the input is wrong, 3 where gateway or Kafka cannot be reached, else 1.
int complain(const Error& error);

}  // namespace drover::cli
