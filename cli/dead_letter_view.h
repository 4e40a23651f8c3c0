// Dead letters as people and programs read them. Pure. Room: cli.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/letters/dead_letter.h"
#include "cli/dead_letter_groups.h"
#include "src/base/field.h"

namespace drover::cli {

// With all that its record holds.
struct WholeLetter {
    letters::DeadLetter letter;
    std::string topic;  // where it stands
    std::optional<letters::RedrivenMark> redriven;
    std::optional<std::string> key, value;
    std::vector<Field> headers;
};

// Lines without line ends. The table is at most `width` columns wide.
std::vector<std::string> render_groups(const DeadLetterGroups& groups, const std::string& queue, int width, bool color);
// Not cut: ids and texts are there to be copied. A payload is shown up to 4 KiB.
std::vector<std::string> render_letter(const WholeLetter& letter, int width, bool color);

// One JSON document each.
std::string to_json(const DeadLetterGroups& groups, const std::string& queue);
std::string to_json(const WholeLetter& letter);

std::string utc(Time time);  // 2026-03-01 12:00:05, "–" where there is none

}  // namespace drover::cli
