// JobQueue files from the command line. Room: cli.
#pragma once

#include <string>
#include <vector>

#include "src/jobqueue/resource.h"

namespace drover::cli {

// All queues of all files ("-" is stdin), with everything that is wrong with them, each on its own or together.
jobqueue::ParsedQueues read_queue_files(const std::vector<std::string>& files);

// On stderr, one line each.
void print_problems(const std::vector<jobqueue::Problem>& problems);

}  // namespace drover::cli
