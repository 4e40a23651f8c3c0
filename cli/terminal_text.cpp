#include "cli/terminal_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace drover::cli {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "…";

struct Character {
    std::size_t bytes = 1;
    char32_t code = 0xFFFD;
    bool valid = false;
};

// The first character of a text that is not empty, by the table of well-formed sequences of the Unicode standard
// (3-7): no overlong forms, no surrogates, nothing past U+10FFFF.
Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return {1, lead, true};
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < low || byte(1) > high) return {};
    char32_t code = lead & (0x7F >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3F);
    }
    return {bytes, code, true};
}

struct Range {
    char32_t first, last;
};
template <std::size_t n>
bool in(const std::array<Range, n>& ranges, char32_t code) {
    return std::any_of(ranges.begin(), ranges.end(), [code](Range r) { return r.first <= code && code <= r.last; });
}

// The blocks that matter, of Unicode's EastAsianWidth and general categories Mn, Me and Cf.
constexpr std::array<Range, 18> wide{{{0x1100, 0x115F},
                                      {0x231A, 0x231B},
                                      {0x23E9, 0x23EC},
                                      {0x25FD, 0x25FE},
                                      {0x2614, 0x2615},
                                      {0x26AA, 0x26AB},
                                      {0x2705, 0x2705},
                                      {0x274C, 0x274C},
                                      {0x2E80, 0x303E},
                                      {0x3041, 0x4DBF},
                                      {0x4E00, 0xA4CF},
                                      {0xAC00, 0xD7A3},
                                      {0xF900, 0xFAFF},
                                      {0xFE30, 0xFE6F},
                                      {0xFF00, 0xFF60},
                                      {0xFFE0, 0xFFE6},
                                      {0x1F300, 0x1FAFF},
                                      {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 12> zero_width{{{0x0300, 0x036F},
                                            {0x0483, 0x0489},
                                            {0x0591, 0x05BD},
                                            {0x0610, 0x061A},
                                            {0x064B, 0x065F},
                                            {0x0E34, 0x0E3A},
                                            {0x1AB0, 0x1AFF},
                                            {0x1DC0, 0x1DFF},
                                            {0x200B, 0x200D},
                                            {0x20D0, 0x20FF},
                                            {0xFE00, 0xFE0F},
                                            {0xE0100, 0xE01EF}}};

int width_of(char32_t code) {
    if (code < 0x300) return 1;
    if (in(zero_width, code)) return 0;
    return in(wide, code) ? 2 : 1;
}

// Invisible ones too that turn the direction of a line or break it.
bool is_blank_or_control(char32_t code) {
    return code <= 0x20 || (code >= 0x7F && code <= 0xA0) || (code >= 0x200E && code <= 0x200F) ||
           (code >= 0x2028 && code <= 0x202F) || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

// As much from the start as fits.
std::string_view head(std::string_view text, int width) {
    std::size_t end = 0;
    while (end < text.size()) {
        const Character next = first_character(text.substr(end));
        width -= width_of(next.code);
        if (width < 0) break;
        end += next.bytes;
    }
    return text.substr(0, end);
}
// As much from the end as fits.
std::string_view tail(std::string_view text, int width) {
    int surplus = display_width(text) - width;
    std::size_t start = 0;
    while (start < text.size()) {
        const Character next = first_character(text.substr(start));
        // Marks belong to the character before them: what loses its base goes too.
        if (surplus <= 0 && width_of(next.code) > 0) break;
        surplus -= width_of(next.code);
        start += next.bytes;
    }
    return text.substr(start);
}

const char* sequence(Style style) {
    switch (style) {
        case Style::plain: return "";
        case Style::bold: return "\x1b[1m";
        case Style::dim: return "\x1b[2m";
        case Style::green: return "\x1b[32m";
        case Style::yellow: return "\x1b[33m";
        case Style::red: return "\x1b[31m";
        case Style::selected: return "\x1b[7m";
    }
    return "";
}

}  // namespace

std::string one_line(std::string_view text) {
    std::string line;
    bool space = false;
    while (!text.empty()) {
        const Character next = first_character(text);
        if (next.valid && is_blank_or_control(next.code)) {
            space = !line.empty();
        } else {
            if (space) line += ' ';
            space = false;
            line += next.valid ? text.substr(0, next.bytes) : replacement;
        }
        text.remove_prefix(next.bytes);
    }
    return line;
}

int display_width(std::string_view text) {
    int width = 0;
    while (!text.empty()) {
        const Character next = first_character(text);
        width += width_of(next.code);
        text.remove_prefix(next.bytes);
    }
    return width;
}

std::string cut_end(std::string_view text, int width) {
    if (width < 1) return "";
    if (display_width(text) <= width) return std::string(text);
    return std::string(head(text, width - 1)).append(ellipsis);
}

std::string cut_middle(std::string_view text, int width) {
    if (width < 1) return "";
    if (display_width(text) <= width) return std::string(text);
    const int after = (width - 1) / 2;
    return std::string(head(text, width - 1 - after)).append(ellipsis).append(tail(text, after));
}

std::string render(const Line& line, int width, bool color) {
    Line cut;
    int used = 0, whole = 0;
    for (const Span& span : line) whole += display_width(span.text);
    for (const Span& span : line) {
        // The ellipsis needs a column of the last span that is shown.
        const bool last = whole > width && used + display_width(span.text) >= width;
        cut.push_back({last ? cut_end(span.text + ' ', width - used) : span.text, span.style});
        used += display_width(cut.back().text);
        if (last) break;
    }
    while (!cut.empty()) {
        std::string& text = cut.back().text;
        text.erase(text.find_last_not_of(' ') + 1);
        if (!text.empty()) break;
        cut.pop_back();
    }
    std::string out;
    for (const Span& span : cut) {
        const bool styled = color && span.style != Style::plain && !span.text.empty();
        out += styled ? sequence(span.style) + span.text + "\x1b[0m" : span.text;
    }
    return out;
}

}  // namespace drover::cli
