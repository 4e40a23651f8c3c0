#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

unsigned char byte_at(std::string_view text, std::size_t pos) {
    return pos < text.size() ? static_cast<unsigned char>(text[pos]) : 0;
}

bool continues(unsigned char byte) { return (byte & 0xC0) == 0x80; }

bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character.front());
    if (character.size() == 1) return first < 0x20 || first == 0x7F;
    // C1 controls, and the two separators that some readers take for line ends.
    if (character.size() == 2) return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
    return character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9";
}

std::string clean(std::string_view text, std::size_t limit, bool one_line) {
    std::string out;
    while (!text.empty()) {
        const auto length = utf8_length(text);
        auto character = length == 0 ? replacement : text.substr(0, length);
        if (one_line && length != 0 && is_control(character)) character = " ";
        if (out.size() + character.size() > limit) break;
        out += character;
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace

// Unicode 15, table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF.
std::size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    const auto first = byte_at(text, 0), second = byte_at(text, 1);
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4 || !continues(second)) return 0;
    if (first < 0xE0) return 2;
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    if (!continues(byte_at(text, 2))) return 0;
    if (first < 0xF0) return 3;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return continues(byte_at(text, 3)) ? 4 : 0;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
    for (std::size_t pos = 0; pos < text.size();) {
        const auto length = utf8_length(text.substr(pos));
        if (length == 0) return pos;
        pos += length;
    }
    return std::nullopt;
}

std::string clean_text(std::string_view text, std::size_t limit) { return clean(text, limit, false); }
std::string clean_line(std::string_view text, std::size_t limit) { return clean(text, limit, true); }

}  // namespace drover::jobqueue
