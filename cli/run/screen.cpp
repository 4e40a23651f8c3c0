#include "cli/run/screen.h"

#include <algorithm>
#include <cerrno>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

struct Size {
    int width = 100, height = 50;
};

Size terminal_size() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
    return {size.ws_col, std::max<int>(size.ws_row, 2)};
}

constexpr const char* hide_cursor = "\x1b[?25l";
constexpr const char* show_cursor = "\x1b[?25h";
constexpr const char* clear_line_end = "\x1b[K";
constexpr const char* clear_below = "\x1b[J";
constexpr const char* clear_all = "\x1b[H\x1b[2J";

}  // namespace

Screen::Screen(Options options) : options_(options) {}

Screen::~Screen() {
    if (hidden_) write(show_cursor);
}

void Screen::write(const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty() && open_) {
        const ssize_t count = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (count >= 0)
            rest.remove_prefix(static_cast<std::size_t>(count));
        else if (errno != EINTR && errno != EAGAIN)
            open_ = false;
    }
}

// The cursor stands below the table's last row; this brings it to the first.
std::string Screen::erased() const {
    if (rows_ == 0) return {};
    return "\x1b[" + std::to_string(rows_) + "A\r";
}

std::string Screen::drawn() {
    const Size size = terminal_size();
    table_ = render_table(shown_, size.width, options_.color);
    rows_ = std::min(table_.size(), static_cast<std::size_t>(size.height - 1));
    std::string text;
    for (std::size_t row = 0; row < rows_; ++row) text += table_[row] + clear_line_end + "\n";
    return text + clear_below;
}

void Screen::say(const std::string& line) {
    if (!options_.live || rows_ == 0) return write(one_line(line) + "\n");
    std::string text = erased() + clear_below + one_line(line) + "\n";
    write(text + drawn());
}

void Screen::show(const RunStatus& status) {
    if (!options_.live) {
        for (const std::string& line : plain_lines(status, shown_)) write(line + "\n");
        shown_ = status;
        return;
    }
    shown_ = status;
    std::string text = hidden_ ? "" : hide_cursor;
    hidden_ = true;
    text += erased();
    write(text + drawn());
}

void Screen::resized() {
    if (!options_.live || rows_ == 0) return;
    rows_ = 0;
    write(clear_all + drawn());
}

void Screen::finish(const RunSummary& summary) {
    std::string text = options_.live ? erased() + clear_below : "";
    if (hidden_) text += show_cursor;
    hidden_ = false;
    rows_ = 0;
    text += "\n";
    const int width = options_.live ? terminal_size().width : 120;
    for (const std::string& line : render_summary(summary, width, options_.color)) text += line + "\n";
    write(text);
}

}  // namespace drover::cli
