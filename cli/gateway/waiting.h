// Waits for jobs while a line on the terminal says how far they are: `submit --wait`, `watch`. Room: cli.
#pragma once

#include <string>
#include <vector>

#include "cli/environment.h"
#include "cli/gateway/follow.h"

namespace drover::cli {

enum class TellEnd {
    line,  // a line on stderr
    json,  // the job on stdout
};

// The exit code: 0 where it completed, 1 where it failed, was cancelled, or goes on after the limit; 3 where the
// gateway went away.
int wait_for_job(GatewayApi& api, const std::string& id, const Patience& patience, TellEnd tell,
                 const Environment& environment);
// The same for all of them: 0 where all completed. One that is not there has ended, and been forgotten since, where it
// is known to have been there.
enum class Ids { were_there, as_typed };
int wait_for_jobs(GatewayApi& api, const std::vector<std::string>& ids, Ids which, const Patience& patience,
                  const Environment& environment);

}  // namespace drover::cli
