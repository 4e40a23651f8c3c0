// Text from elsewhere, made safe to store and to print. Pure. Room: jobqueue.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace drover::jobqueue {

// The length in bytes of the well-formed UTF-8 character at the front of `text`; 0 when there is none.
std::size_t utf8_length(std::string_view text);

// Where the first byte stands that is not part of well-formed UTF-8; nothing when all are.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// `text` with each byte that is not UTF-8 replaced by U+FFFD, cut between characters to at most `limit` bytes.
// Reads no more than it writes, however long `text` is.
std::string clean_text(std::string_view text, std::size_t limit);

// The same on one line: control characters become spaces.
std::string clean_line(std::string_view text, std::size_t limit);

}  // namespace drover::jobqueue
