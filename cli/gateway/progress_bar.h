// One line that says how far a job, many jobs, or a bulk operation are. Pure. Room: cli.
#pragma once

#include "cli/gateway/answers.h"
#include "cli/terminal_text.h"

namespace drover::cli {

// "████████░░░░", `share` of it full; all of it full only where the share is 1.
std::string bar(double share, int width);

// "active  ██████░░░░░░  52 %  page 3 of 6  0:12 left"; for a line of `width`.
Line progress_line(const JobAnswer& job, Time now, int width);

struct Tally {
    std::int64_t done = 0, failed = 0, total = 0;  // `failed` of the `done`
    Duration elapsed{0};
};
// "██████░░░░░░  52 of 100 jobs  1 failed  8.2/s  0:06 left"
Line tally_line(const Tally& tally, const char* what, int width);

}  // namespace drover::cli
