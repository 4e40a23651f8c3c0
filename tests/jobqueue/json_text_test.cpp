#include "src/jobqueue/json_text.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

std::string literal_of(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

std::string characters_of(std::string_view literal) {
    const Result<JsonValue> value = read_json(literal);
    std::string buffer;
    return value ? std::string(value->string(buffer)) : "(" + value.error().message + ")";
}

TEST(JsonText, takes_what_is_json) {
    for (const std::string_view text : {"null",
                                        "true",
                                        "false",
                                        " 0 ",
                                        "-0",
                                        "-1.5e+10",
                                        "1E5",
                                        "0.0",
                                        "\"\"",
                                        "\"a\"",
                                        "\"\\u00e9\\n\\/\"",
                                        "\"\\ud83d\\ude00\"",
                                        "\"\xF0\x9F\x98\x80\"",
                                        "[]",
                                        "[ ]",
                                        "{}",
                                        "{ }",
                                        "[1,2 , 3]",
                                        "[[],{}]",
                                        "\t{\"a\" :\r\n1 , \"b\":[true,null,{\"c\":\"d\"}]}\n",
                                        "{\"a\":1,\"a\":2}",
                                        "\"\x7F\""}) {
        EXPECT_EQ(json_fault(text), "") << text;
    }
}

TEST(JsonText, refuses_what_is_not) {
    using std::string_view_literals::operator""sv;
    for (const std::string_view text : {""sv,
                                        " "sv,
                                        "nul"sv,
                                        "nulll"sv,
                                        "True"sv,
                                        "+1"sv,
                                        "01"sv,
                                        "-"sv,
                                        "1."sv,
                                        ".5"sv,
                                        "1e"sv,
                                        "1e+"sv,
                                        "0x1"sv,
                                        "NaN"sv,
                                        "Infinity"sv,
                                        "'a'"sv,
                                        "\""sv,
                                        "\"a"sv,
                                        "\"\\\""sv,
                                        "\"\\x\""sv,
                                        "\"\\u12\""sv,
                                        "\"\\u12g4\""sv,
                                        "\"\\u+123\""sv,
                                        "\"\n\""sv,
                                        "\"\0\""sv,
                                        "["sv,
                                        "]"sv,
                                        "[1"sv,
                                        "[1,"sv,
                                        "[1,]"sv,
                                        "[,1]"sv,
                                        "[1 2]"sv,
                                        "{\"a\"}"sv,
                                        "{\"a\":}"sv,
                                        "{\"a\":1,}"sv,
                                        "{a:1}"sv,
                                        "{1:1}"sv,
                                        "[}"sv,
                                        "{]"sv,
                                        "[1}"sv,
                                        "{\"a\":1]"sv,
                                        "1 2"sv,
                                        "{} {}"sv,
                                        "null\0"sv,
                                        "\xEF\xBB\xBF{}"sv,
                                        "//c\n1"sv,
                                        "\"\xFF\""sv,
                                        "\"\xED\xA0\x80\""sv,
                                        "\"\\ud800\""sv,
                                        "\"\\ud800x\""sv,
                                        "\"\\ud800\\u0041\""sv,
                                        "\"\\udc00\""sv,
                                        "[\"12345678\x01\"]"sv}) {
        EXPECT_EQ(json_fault(text), "is not JSON") << text;
    }
}

TEST(JsonText, A10_refuses_json_that_some_parsers_choke_on) {
    EXPECT_EQ(json_fault(nested(60)), "");
    EXPECT_NE(json_fault(nested(61)), "");
    EXPECT_NE(json_fault(std::string(1'000'000, '[')), "");
    EXPECT_EQ(json_fault("1.7976931348623157e308"), "") << "the largest double";
    EXPECT_EQ(json_fault("4.9e-324"), "") << "the smallest";
    EXPECT_EQ(json_fault("1e-400"), "") << "every parser makes 0 of it";
    EXPECT_NE(json_fault("1.8e308"), "");
    EXPECT_NE(json_fault("[1e309]"), "");
    EXPECT_NE(json_fault("1e99999999999999999999999"), "");
    EXPECT_EQ(json_fault(std::string(308, '9')), "");
    EXPECT_NE(json_fault(std::string(310, '9')), "");
    EXPECT_NE(json_fault("0." + std::string(1000, '0')), "");
}

RC_GTEST_PROP(JsonText, agrees_with_another_parser_about_any_text, ()) {
    const auto piece =
        rc::gen::element<std::string>("{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "\\ude00", "00e9", "e",
                                      "1", "0", "-", ".", "+", "true", "null", " ", "a", "\x01", "\xC3\xA9", "\xFF");
    const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
    std::string text;
    for (const std::string& each : pieces) text += each;
    if (json_fault(text).empty()) RC_ASSERT(json::accept(text));
    if (json::accept(text)) RC_ASSERT(json_fault(text) != "is not JSON");
}

RC_GTEST_PROP(JsonText, any_text_in_quotes_reads_back, (const std::string& text)) {
    const std::string literal = literal_of(text);
    RC_ASSERT(json_fault(literal).empty());
    RC_ASSERT(characters_of(literal) == json::parse(literal).get<std::string>());
    std::string out;
    const bool is_utf8 = append_json_string(out, text);
    RC_ASSERT(is_utf8 == !find_invalid_utf8(text));
    RC_ASSERT(characters_of(out) == clean_text(text, 3 * text.size()));
}

TEST(JsonText, special_characters_are_found_wherever_they_stand) {
    for (std::size_t pos = 0; pos < 40; ++pos) {
        for (const char c : {'"', '\\', '\n', '\x01', '\x1F', '\x7F', ' ', '!', '#', '[', ']'}) {
            std::string text(40, 'x');
            text[pos] = c;
            EXPECT_EQ(characters_of(literal_of(text)), text) << pos << ' ' << c;
            EXPECT_EQ(json::parse(literal_of(text)).get<std::string>(), text) << pos << ' ' << c;
        }
    }
}

TEST(JsonText, escapes_are_read) {
    EXPECT_EQ(characters_of(R"("\"\\\/\b\f\n\r\tA\u00e9\u20ac\ud83d\ude00.")"), "\"\\/\b\f\n\r\tAé€😀.");
    EXPECT_EQ(characters_of("17"), "") << "no string";
}

TEST(JsonText, the_parts_of_a_value_are_what_is_written) {
    const Result<JsonValue> value =
        read_json(" { \"a\" : 12345678901234567890123 , \"b\\n\":[1, {\"x\":\"}]\\\"\"} ] ,\"c\":\"\\\\\",\"d\":{ }}");
    ASSERT_TRUE(value);
    std::string buffer;
    std::vector<std::pair<std::string, std::string>> parts;
    for (JsonParts part(*value); part.next();) parts.emplace_back(part.name(buffer), part.value().text());
    EXPECT_EQ(
        parts,
        (std::vector<std::pair<std::string, std::string>>{
            {"a", "12345678901234567890123"}, {"b\n", "[1, {\"x\":\"}]\\\"\"} ]"}, {"c", "\"\\\\\""}, {"d", "{ }"}}));
    const Result<JsonValue> list = read_json("[1 , \"two\",[3],null,true]");
    std::vector<std::string> items;
    for (JsonParts part(*list); part.next();) {
        EXPECT_EQ(part.name(buffer), "");
        items.emplace_back(part.value().text());
    }
    EXPECT_EQ(items, (std::vector<std::string>{"1", "\"two\"", "[3]", "null", "true"}));
    for (const std::string_view none : {"{}", "[ ]", "17", "\"ab\"", "null"}) {
        const Result<JsonValue> without = read_json(none);
        EXPECT_FALSE(JsonParts(*without).next()) << none;
    }
}

TEST(JsonText, numbers_are_read) {
    const auto number = [](std::string_view text) { return read_json(text)->number(); };
    const auto integer = [](std::string_view text) { return read_json(text)->integer(); };
    EXPECT_EQ(number(" 12.5 "), 12.5);
    EXPECT_EQ(number("-1e3"), -1000.0);
    EXPECT_EQ(number("1e-400"), 0.0);
    EXPECT_EQ(number("\"1\""), std::nullopt);
    EXPECT_EQ(integer("-17"), -17);
    EXPECT_EQ(integer("1.0"), std::nullopt);
    EXPECT_EQ(integer("9223372036854775808"), std::nullopt);
    EXPECT_EQ(integer("true"), std::nullopt);
}

TEST(JsonText, may_be_held_to_less_depth) {
    EXPECT_EQ(json_fault("[[1]]", 2), "");
    EXPECT_NE(json_fault("[[[1]]]", 2), "");
    EXPECT_EQ(json_fault("1", 0), "");
    EXPECT_NE(json_fault("[]", 0), "");
}

TEST(JsonText, a_content_type_says_json_in_several_ways) {
    for (const char* type : {"application/json", "Application/JSON; charset=utf-8", " text/json ", "a/vnd.x+json ;v=1"})
        EXPECT_TRUE(is_json_type(type)) << type;
    for (const char* type : {"", "json", "+jsonx", "text/plain", "application/x-ndjson", "text/plain;a/json"})
        EXPECT_FALSE(is_json_type(type)) << type;
}

}  // namespace
}  // namespace drover::jobqueue
