// What stdout and stderr are: a terminal, how wide, in colour or not. Room: cli.
#pragma once

#include "cli/environment.h"

namespace drover::cli {

struct Terminal {
    bool is_there = false;
    bool color = false;  // never where it is no terminal
    int width = 1000;    // of what is no terminal: nothing is cut
    int height = 50;
};

// As it is now: it may be resized. `descriptor` is STDOUT_FILENO or STDERR_FILENO.
Terminal terminal_at(int descriptor, const Environment& environment);

}  // namespace drover::cli
