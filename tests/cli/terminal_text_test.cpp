#include "cli/terminal_text.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::cli {
namespace {

using namespace std::string_literals;

TEST(TerminalText, D1_escape_sequences_and_line_ends_do_not_reach_the_terminal) {
    EXPECT_EQ(one_line("a\x1b[2J\r\n\tb\x07 "), "a [2J b");
    EXPECT_EQ(one_line("  \n "), "");
    EXPECT_EQ(one_line("nul\0byte"s), "nul byte");
    EXPECT_EQ(one_line("c1 \xC2\x9B"
                       "31m"),
              "c1 31m");
    EXPECT_EQ(one_line("right\xE2\x80\xAEleft"), "right left");
}

TEST(TerminalText, D1_bytes_that_are_not_utf8_become_replacement_characters) {
    EXPECT_EQ(one_line("a\xFF"
                       "b"),
              "a\uFFFDb");
    EXPECT_EQ(one_line("\xC0\xAF"), "\uFFFD\uFFFD") << "overlong";
    EXPECT_EQ(one_line("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD") << "surrogate";
    EXPECT_EQ(one_line("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "past the last code point";
    EXPECT_EQ(one_line("cut \xE2\x82"), "cut \uFFFD\uFFFD");
    EXPECT_EQ(one_line("grüße €"), "grüße €");
}

TEST(TerminalText, D1_widths_are_those_of_a_terminal) {
    EXPECT_EQ(display_width("grüße"), 5);
    EXPECT_EQ(display_width("日本"), 4);
    EXPECT_EQ(display_width("e\u0301"), 1);
    EXPECT_EQ(display_width("🚀"), 2);
    EXPECT_EQ(display_width("●○‖✕→…"), 6);
}

TEST(TerminalText, D1_cuts_lie_between_characters) {
    EXPECT_EQ(cut_end("grüße", 5), "grüße");
    EXPECT_EQ(cut_end("grüße", 4), "grü…");
    EXPECT_EQ(cut_end("日本語", 4), "日…");
    EXPECT_EQ(cut_end("abc", 0), "");
    EXPECT_EQ(cut_middle("monthly-reports", 9), "mont…orts");
    EXPECT_EQ(cut_middle("日本語日本語", 6), "日…語");
    EXPECT_EQ(cut_middle("abc", 1), "…");
    EXPECT_EQ(cut_middle("abcdefe\u0301", 3), "a…e\u0301");
}

TEST(TerminalText, D1_a_line_ends_with_an_ellipsis_where_something_is_missing) {
    const Line line{{"abc", Style::red}, {"def", Style::plain}};
    EXPECT_EQ(render(line, 6, false), "abcdef");
    EXPECT_EQ(render(line, 5, false), "abcd…");
    EXPECT_EQ(render(line, 3, false), "ab…");
    EXPECT_EQ(render(line, 0, false), "");
}

TEST(TerminalText, D1_colours_end_with_their_span_and_white_space_is_trimmed) {
    EXPECT_EQ(render({{"bad", Style::red}, {" x ", Style::plain}, {"   ", Style::dim}}, 20, true),
              "\x1b[31mbad\x1b[0m x");
}

RC_GTEST_PROP(TerminalText, D1_any_bytes_give_one_clean_line, (const std::string& bytes)) {
    const std::string line = one_line(bytes);
    RC_ASSERT(one_line(line) == line);
    for (const char c : line) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
}

RC_GTEST_PROP(TerminalText, D1_no_cut_is_wider_than_asked_nor_splits_a_character, (const std::string& bytes)) {
    const std::string line = one_line(bytes + *rc::gen::element<std::string>("", "grüße", "日本語", "e\u0301x", "🚀🚀"));
    const int width = *rc::gen::inRange(-1, 30);
    for (const std::string& cut : {cut_end(line, width), cut_middle(line, width)}) {
        RC_ASSERT(display_width(cut) <= std::max(width, 0));
        RC_ASSERT(one_line("x" + cut + "x") == "x" + cut + "x");
    }
}

}  // namespace
}  // namespace drover::cli
