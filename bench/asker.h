// Asks a gateway over many connections, each request after the answer to the one before, at little CPU of its own.
#pragma once

#include <string>

#include "bench/commands.h"

namespace drover::bench {

struct Asking {
    int port = 4100;
    int connections = 64;
    std::string queue = "jobs";  // that jobs are submitted to
    int batch = 0;               // jobs in a request; 0: one by one, each a request of its own
    std::string ids;             // a file: of the jobs that were submitted, or to be asked for; "": they are not kept
};

// Submits so many jobs, and prints requests and jobs a second, and how long a request took.
int submit(const Asking& asking, const Jobs& jobs);
// Asks for the status of so many jobs, those in the file in turn.
int status(const Asking& asking, const Jobs& jobs);

}  // namespace drover::bench
