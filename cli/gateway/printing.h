// What commands write. Room: cli.
#pragma once

#include <string>
#include <vector>

#include "cli/environment.h"
#include "cli/gateway/tables.h"
#include "cli/terminal.h"

namespace drover::cli {

Time now();

// As wide as stdout is now.
View view_of_stdout(const Environment& environment);
// On stdout.
void print(const std::vector<Line>& lines, const View& view);
void print(const Json& json);

// A line on stderr that stays in place on a terminal and is written over; where it is no terminal, nothing.
class LiveLine {
public:
    explicit LiveLine(const Environment& environment);
    ~LiveLine();  // it is gone
    LiveLine(const LiveLine&) = delete;
    LiveLine& operator=(const LiveLine&) = delete;

    bool is_there() const { return terminal_.is_there; }
    int width() const;
    void show(const Line& line);
    void clear();
    // Stays on stderr, on a terminal or not.
    void leave(const Line& line);

private:
    const Environment& environment_;
    Terminal terminal_;
    bool shown_ = false;
};

}  // namespace drover::cli
