// Log lines of our own programs, read back for people. Pure. Room: cli.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::cli {

// "the sidecar cannot start: port 4040 is taken" for a JSON line with these fields; any other line as it is.
std::string readable_log_line(std::string_view line);

// A job that a sidecar says it has dead-lettered.
struct DeadLetterLine {
    std::string error_class;
    std::string cause;
};
std::optional<DeadLetterLine> dead_letter_line(std::string_view line);

}  // namespace drover::cli
