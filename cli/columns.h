// Rows under headings that never wrap: what matters least is left out where it is narrow. Pure. Room: cli.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal_text.h"

namespace drover::cli {

struct Column {
    std::string heading;
    int importance = 0;   // the least important column goes first
    int least_width = 0;  // kept though no cell needs it, so that a live table does not jump
    bool to_the_right = true;
    std::vector<Span> cells;  // one a row
};

// The heading's line and one line a row, for `render` at the same width. `names` is always there, to the left; names
// are cut in the middle, but other columns go first while it would be narrower than 10, or its least width.
std::vector<Line> lay_out(const Column& names, const std::vector<Column>& columns, int width);

}  // namespace drover::cli
