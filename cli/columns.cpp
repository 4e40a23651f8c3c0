#include "cli/columns.h"

#include <algorithm>

namespace drover::cli {
namespace {

constexpr int gap = 2;
constexpr int shortest_name = 10;

int widest(const Column& column) {
    int width = std::max(column.least_width, display_width(column.heading));
    for (const Span& cell : column.cells) width = std::max(width, display_width(cell.text));
    return width;
}

void append(Line& line, Span cell, int width, bool to_the_right) {
    const int missing = std::max(width - display_width(cell.text), 0);
    const Span padding{std::string(static_cast<std::size_t>(missing), ' '), Style::plain};
    if (to_the_right) line.push_back(padding);
    line.push_back(std::move(cell));
    if (!to_the_right) line.push_back(padding);
}

}  // namespace

std::vector<Line> lay_out(const Column& names, const std::vector<Column>& columns, int width) {
    struct Shown {
        const Column* column;
        int width;
    };
    std::vector<Shown> shown;
    int others = 0;
    for (const Column& column : columns) {
        shown.push_back({&column, widest(column)});
        others += gap + shown.back().width;
    }
    const int wished = widest(names), least_name = std::min(wished, std::max(shortest_name, names.least_width));
    while (!shown.empty() && others + least_name > width) {
        const auto least = std::min_element(shown.begin(), shown.end(), [](const Shown& a, const Shown& b) {
            return a.column->importance < b.column->importance;
        });
        others -= gap + least->width;
        shown.erase(least);
    }
    const int name_width = std::clamp(width - others, 1, wished);

    std::vector<Line> lines;
    Line heading;
    append(heading, {names.heading, Style::dim}, name_width, false);
    for (const Shown& it : shown) {
        heading.push_back({std::string(gap, ' '), Style::plain});
        append(heading, {it.column->heading, Style::dim}, it.width, it.column->to_the_right);
    }
    lines.push_back(std::move(heading));
    for (std::size_t row = 0; row < names.cells.size(); ++row) {
        Line line;
        const Span& name = names.cells[row];
        append(line, {cut_middle(name.text, name_width), name.style}, name_width, false);
        for (const Shown& it : shown) {
            line.push_back({std::string(gap, ' '), Style::plain});
            append(line, row < it.column->cells.size() ? it.column->cells[row] : Span{}, it.width,
                   it.column->to_the_right);
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace drover::cli
