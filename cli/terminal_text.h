// Text on a terminal: how wide it is, how it is cut, and what may not reach the terminal. Pure. Room: cli.
//
// Texts come from anywhere (a worker's error message): every function is total over any bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::cli {

// Valid UTF-8 on one line: what is not UTF-8 becomes U+FFFD, control characters (escape sequences' ESC among them) and
// runs of white space become one space; none at the ends.
std::string one_line(std::string_view text);

// Columns that a UTF-8 text takes: 2 for East Asian wide characters and emoji, 0 for combining marks.
int display_width(std::string_view text);

// At most `width` columns, cut between characters; "…" stands for what is missing. "" for a width below 1.
std::string cut_end(std::string_view text, int width);     // "connection refu…"
std::string cut_middle(std::string_view text, int width);  // "monthly…eports"

enum class Style { plain, bold, dim, green, yellow, red, selected };

struct Span {
    std::string text;
    Style style = Style::plain;
    bool operator==(const Span&) const = default;
};
using Line = std::vector<Span>;

// As the terminal wants it: at most `width` columns, no white space at the end, with ANSI colours or without.
std::string render(const Line& line, int width, bool color);

}  // namespace drover::cli
