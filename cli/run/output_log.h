// What a program wrote, kept in a file of bounded size, with its last line at hand. Room: cli. Owner thread: any one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "cli/run/process.h"

namespace drover::cli {

class OutputLog {
public:
    // Appends to `file`; at `limit` bytes it becomes `file`.1, which replaces an older one.
    explicit OutputLog(std::filesystem::path file, std::uint64_t limit = 10 * 1024 * 1024);

    void write(Stream stream, std::string_view line);

    // For a message about why the program ended: the last line on stderr, else the last one of all, since its start.
    const std::string& last_words() const { return last_err_.empty() ? last_out_ : last_err_; }
    void forget_last_words();
    // Why lines are missing from the file; "" when none is.
    const std::string& problem() const { return problem_; }
    const std::filesystem::path& file() const { return path_; }

private:
    void open();
    void rotate();

    std::filesystem::path path_;
    std::uint64_t limit_;
    std::uint64_t size_ = 0;
    std::ofstream out_;
    std::string last_out_, last_err_;
    std::string problem_;
};

}  // namespace drover::cli
