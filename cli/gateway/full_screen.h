// The whole terminal, while somebody looks at it. Room: cli. Stdin and stdout are it.
#pragma once

#include <string>
#include <vector>

#include <termios.h>

namespace drover::cli {

class FullScreen {
public:
    FullScreen();
    ~FullScreen();  // the terminal is as it was before
    FullScreen(const FullScreen&) = delete;
    FullScreen& operator=(const FullScreen&) = delete;

    // From the top, in place; what else is on the screen is wiped.
    void show(const std::vector<std::string>& lines);

private:
    termios before_{};
    int flags_ = -1;
};

}  // namespace drover::cli
