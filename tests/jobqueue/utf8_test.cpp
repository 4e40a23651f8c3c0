#include "src/jobqueue/utf8.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::jobqueue {
namespace {

constexpr std::string_view replaced = "\xEF\xBF\xBD";

TEST(Utf8, knows_well_formed_characters) {
    EXPECT_EQ(utf8_length("a"), 1u);
    EXPECT_EQ(utf8_length("é"), 2u);
    EXPECT_EQ(utf8_length("€"), 3u);
    EXPECT_EQ(utf8_length("😀"), 4u);
    EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 4u) << "U+10FFFF, the last one";
}

TEST(Utf8, knows_what_is_none) {
    for (const char* text : {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",
                             "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
        EXPECT_EQ(utf8_length(text), 0u) << text;
    EXPECT_EQ(utf8_length(""), 0u);
}

TEST(Utf8, invalid_bytes_are_replaced_one_by_one) {
    EXPECT_EQ(clean_text("a\xFF\xFE"
                         "b",
                         100),
              "a" + std::string(replaced) + std::string(replaced) + "b");
    EXPECT_EQ(find_invalid_utf8("ab\xFF"), 2u);
    EXPECT_EQ(find_invalid_utf8("abé"), std::nullopt);
}

TEST(Utf8, is_cut_between_characters) {
    EXPECT_EQ(clean_text("aé", 2), "a");
    EXPECT_EQ(clean_text("aé", 3), "aé");
    EXPECT_EQ(clean_text("\xFF", 2), "");
    EXPECT_EQ(clean_text("abc", 0), "");
}

TEST(Utf8, one_line_has_no_control_characters) {
    EXPECT_EQ(clean_line("a\r\nb\tc\x7F", 100), "a  b c ");
    EXPECT_EQ(clean_line("a\xC2\x85"
                         "b\xE2\x80\xA8"
                         "c",
                         100),
              "a b c")
        << "next line and line separator";
    EXPECT_EQ(clean_text("a\nb", 100), "a\nb");
}

RC_GTEST_PROP(Utf8, cleaned_text_is_valid_and_within_the_limit, (const std::string& text, std::uint8_t limit)) {
    for (const auto& cleaned : {clean_text(text, limit), clean_line(text, limit)}) {
        RC_ASSERT(cleaned.size() <= limit);
        RC_ASSERT(!find_invalid_utf8(cleaned));
    }
    for (const char c : clean_line(text, limit)) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
}

RC_GTEST_PROP(Utf8, cleaning_changes_nothing_twice, (const std::string& text)) {
    const auto once = clean_line(text, 1000);
    RC_ASSERT(clean_line(once, 1000) == once);
}

}  // namespace
}  // namespace drover::jobqueue
