// What error messages have in common. Pure. Room: letters.
#pragma once

#include <string>
#include <string_view>

namespace drover::letters {

// What a message has in common with others of its kind: "…" stands for what is in quotes, # for a word with a digit, @
// or / in it. At most 256 bytes, one line.
std::string message_shape(std::string_view message);

}  // namespace drover::letters
