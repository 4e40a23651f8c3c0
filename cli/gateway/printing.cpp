#include "cli/gateway/printing.h"

#include <iostream>

#include <unistd.h>

namespace drover::cli {

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

View view_of_stdout(const Environment& environment) {
    const Terminal terminal = terminal_at(STDOUT_FILENO, environment);
    return {.width = terminal.width, .color = terminal.color, .now = now()};
}

void print(const std::vector<Line>& lines, const View& view) {
    for (const Line& line : lines) std::cout << render(line, view.width, view.color) << '\n';
    std::cout.flush();
}

void print(const Json& json) { std::cout << pretty(json) << std::endl; }

LiveLine::LiveLine(const Environment& environment)
    : environment_(environment), terminal_(terminal_at(STDERR_FILENO, environment)) {}

LiveLine::~LiveLine() { clear(); }

int LiveLine::width() const { return terminal_at(STDERR_FILENO, environment_).width; }

void LiveLine::show(const Line& line) {
    if (!terminal_.is_there) return;
    // A line of the whole width would break on some terminals.
    std::cerr << "\r\x1b[2K" << render(line, width() - 1, terminal_.color) << std::flush;
    shown_ = true;
}

void LiveLine::clear() {
    if (shown_) std::cerr << "\r\x1b[2K" << std::flush;
    shown_ = false;
}

void LiveLine::leave(const Line& line) {
    clear();
    std::cerr << render(line, 100'000, terminal_.color) << std::endl;
}

}  // namespace drover::cli
