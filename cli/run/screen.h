// Where `drover run` shows its status: a table that stays in place on a terminal, lines elsewhere. Room: cli.
// Owner thread: any one. Writes to stdout.
#pragma once

#include <string>
#include <vector>

#include "cli/run_summary.h"
#include "cli/status_table.h"

namespace drover::cli {

class Screen {
public:
    struct Options {
        bool live = false;  // a terminal
        bool color = false;
    };
    explicit Screen(Options options);
    ~Screen();  // gives the terminal back as it was
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    bool is_live() const { return options_.live; }
    void say(const std::string& line);       // stays, above the table
    void show(const RunStatus& status);      // elsewhere than on a terminal, only what differs from the last one
    void resized();                          // the terminal has another size: what is on it may have moved
    void finish(const RunSummary& summary);  // instead of the table

    // False when nobody can read it any more: the terminal or the pipe is closed.
    bool is_open() const { return open_; }

private:
    void write(const std::string& text);
    std::string erased() const;
    std::string drawn();

    Options options_;
    RunStatus shown_;
    std::vector<std::string> table_;
    std::size_t rows_ = 0;  // of the table, as drawn
    bool hidden_ = false;   // the cursor
    bool open_ = true;
};

}  // namespace drover::cli
