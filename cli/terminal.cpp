#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace drover::cli {

Terminal terminal_at(int descriptor, const Environment& environment) {
    Terminal terminal{.is_there = ::isatty(descriptor) == 1};
    terminal.color = terminal.is_there && environment.color;
    winsize size{};
    if (terminal.is_there && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        terminal.width = size.ws_col;
        terminal.height = size.ws_row;
    }
    return terminal;
}

}  // namespace drover::cli
