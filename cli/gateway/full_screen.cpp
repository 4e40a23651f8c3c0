#include "cli/gateway/full_screen.h"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace drover::cli {
namespace {

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
        if (count >= 0)
            text.remove_prefix(static_cast<std::size_t>(count));
        else if (errno != EINTR && errno != EAGAIN)
            return;  // nobody looks any more: the hang-up's signal ends the program
    }
}

}  // namespace

FullScreen::FullScreen() {
    ::tcgetattr(STDIN_FILENO, &before_);
    flags_ = ::fcntl(STDIN_FILENO, F_GETFL);
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    now.c_cc[VSUSP] = _POSIX_VDISABLE;  // suspended, it would leave the terminal like this
    ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
    write_all("\x1b[?1049h\x1b[?25l");
}

FullScreen::~FullScreen() {
    write_all("\x1b[?25h\x1b[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    // Who reads without blocking leaves that to the shell otherwise.
    if (flags_ != -1) ::fcntl(STDIN_FILENO, F_SETFL, flags_);
}

void FullScreen::show(const std::vector<std::string>& lines) {
    std::string text = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) text.append(i == 0 ? "" : "\r\n").append(lines[i]).append("\x1b[K");
    write_all(text + "\x1b[J");
}

}  // namespace drover::cli
