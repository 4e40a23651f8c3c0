#include "src/letters/message_shape.h"

#include <algorithm>

#include "src/jobqueue/utf8.h"

namespace drover::letters {
namespace {

constexpr std::size_t most_message_bytes = 256;

bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_of_word(char c) {
    return is_letter_or_digit(c) || std::string_view("-_.:@/+%").find(c) != std::string_view::npos;
}
bool varies(char c) { return (c >= '0' && c <= '9') || c == '@' || c == '/'; }

// Where the quote that opens at `begin` closes; npos where it does not. An apostrophe inside a word does neither.
std::size_t closing_quote(std::string_view text, std::size_t begin) {
    const char quote = text[begin];
    if (begin > 0 && is_letter_or_digit(text[begin - 1])) return std::string_view::npos;
    if (std::string_view("\"'`").find(quote) == std::string_view::npos) return std::string_view::npos;
    for (std::size_t end = text.find(quote, begin + 1); end != std::string_view::npos;
         end = text.find(quote, end + 1)) {
        if (end + 1 == text.size() || !is_letter_or_digit(text[end + 1])) return end;
    }
    return std::string_view::npos;
}

}  // namespace

std::string message_shape(std::string_view message) {
    const std::string text = jobqueue::clean_line(message, most_message_bytes);
    const std::string_view all = text;
    std::string shape;
    for (std::size_t at = 0; at < all.size();) {
        if (const auto end = closing_quote(all, at); end != std::string_view::npos) {
            shape.append(1, all[at]).append("…").append(1, all[at]);
            at = end + 1;
        } else if (is_of_word(all[at])) {
            std::string_view word = all.substr(at);
            word = word.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(word, is_of_word) - word.begin()));
            at += word.size();
            std::string_view core = word;  // without the full stop or the colon behind it
            while (!core.empty() && (core.back() == '.' || core.back() == ':')) core.remove_suffix(1);
            shape += std::ranges::any_of(core, varies) ? "#" : core;
            shape += word.substr(core.size());
        } else {
            shape += all[at++];
        }
    }
    return shape;
}

}  // namespace drover::letters
