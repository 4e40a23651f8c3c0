#include "cli/dead_letter_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/letters/letters.h"

namespace drover::cli {
namespace {

using letters::fields_of_a_letter;
using letters::noon;
using letters::RedrivenMark;

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

WholeLetter letter_with(std::optional<std::string> value, std::vector<Field> fields = fields_of_a_letter()) {
    const letters::Letter letter(fields, value);
    return {.letter = letter.read(),
            .topic = "shop.email.dlq",
            .redriven = std::nullopt,
            .key = "ann",
            .value = std::move(value),
            .headers = std::move(fields)};
}

std::string shown(const WholeLetter& letter) {
    std::string text;
    for (const std::string& line : render_letter(letter, 80, false)) text += line + "\n";
    return text;
}

TEST(DeadLetterView, A6_shows_cause_tries_places_headers_and_payload) {
    const std::string text = shown(letter_with(R"({"to":"ada"})"));
    for (const char* part :
         {"job-1", "Http503", "no paper", "in tray 2", "after 2 tries of run 1", "shop.email.high partition 1 offset 7",
          "shop.email.dlq partition 3 offset 42", "Timeout", "pod-b", "colour: red", "\"to\": \"ada\"", "not yet"})
        EXPECT_THAT(text, HasSubstr(part));
}

TEST(DeadLetterView, no_byte_of_a_letter_reaches_the_terminal_as_a_control) {
    std::vector<Field> fields = fields_of_a_letter();
    for (Field& field : fields) field.value += "\x1b[2J\x07";
    for (const std::string value : {"{\"a\":\"\x1b[2J\"}", "\x1b[2J text", "\x07\xff"}) {
        const std::string text = shown(letter_with(value, fields));
        EXPECT_THAT(text, Not(HasSubstr("\x1b")));
        EXPECT_THAT(text, Not(HasSubstr("\x07")));
    }
}

TEST(DeadLetterView, a_payload_that_is_not_text_is_base64) {
    EXPECT_THAT(shown(letter_with("\xff\x01")), HasSubstr("base64: /wE="));
    const json shown_as_json = json::parse(to_json(letter_with("\xff\x01")));
    EXPECT_EQ(shown_as_json["payloadBase64"], "/wE=");
    EXPECT_FALSE(shown_as_json.contains("payload"));
}

TEST(DeadLetterView, a_long_payload_is_cut_in_text_and_whole_in_json) {
    const std::string value(10'000, 'x');
    EXPECT_THAT(shown(letter_with(value)), HasSubstr("5,904 more bytes"));
    EXPECT_EQ(json::parse(to_json(letter_with(value)))["payload"], value);
}

TEST(DeadLetterView, a_payload_that_was_left_out_is_said_to_be) {
    std::vector<Field> fields = fields_of_a_letter();
    fields.push_back({"drover-payload-left-out", "true"});
    EXPECT_THAT(shown(letter_with(std::nullopt, fields)), HasSubstr("did not fit into the dead-letter topic"));
    EXPECT_EQ(json::parse(to_json(letter_with(std::nullopt, fields)))["payloadLeftOut"], true);
    EXPECT_THAT(shown(letter_with(std::nullopt)), HasSubstr("none (null)"));
    EXPECT_TRUE(json::parse(to_json(letter_with(std::nullopt)))["payload"].is_null());
}

TEST(DeadLetterView, JSON_nested_without_end_is_shown_as_it_is) {
    EXPECT_THAT(shown(letter_with(std::string(100'000, '['))), HasSubstr("[[["));
}

TEST(DeadLetterView, D2_as_json_a_letter_has_every_field) {
    WholeLetter letter = letter_with(R"({"to":"ada"})");
    letter.redriven = RedrivenMark{.run = 2, .at = noon, .by = "ann"};
    const json all = json::parse(to_json(letter));
    EXPECT_EQ(all["job"], "job-1");
    EXPECT_EQ(all["attempts"], 2);
    EXPECT_EQ(all["tries"][0]["pod"], "pod-a");
    EXPECT_EQ(all["original"]["offset"], 7);
    EXPECT_EQ(all["headers"].size(), fields_of_a_letter().size());
    EXPECT_EQ(all["headers"][0], json({{"name", "colour"}, {"value", "red"}}));
    EXPECT_EQ(all["redriven"]["by"], "ann");
    EXPECT_EQ(all["payload"], R"({"to":"ada"})");
    EXPECT_EQ(all["response"], "no paper\nin tray 2");
}

TEST(DeadLetterView, D2_groups_are_a_table_with_messages_or_one_json_document) {
    DeadLetterGroups groups;
    EXPECT_THAT(render_groups(groups, "shop.email", 200, false), Contains(HasSubstr("no dead letters of shop.email")));
    groups.add(letters::Letter(fields_of_a_letter()).read(), false);
    groups.add(letters::Letter(fields_of_a_letter()).read(), true);
    const auto lines = render_groups(groups, "shop.email", 200, false);
    EXPECT_THAT(lines[0], HasSubstr("EXAMPLE JOB"));
    EXPECT_THAT(lines[1], testing::AllOf(HasSubstr("Http503"), HasSubstr("2026-03-01 11:59:01"), HasSubstr("job-1")));
    EXPECT_THAT(lines[2], HasSubstr("no paper"));
    EXPECT_THAT(lines, Contains("2 dead letters of shop.email, 1 of them redriven"));
    const json all = json::parse(to_json(groups, "shop.email"));
    EXPECT_EQ(all["queue"], "shop.email");
    EXPECT_EQ(all["count"], 2);
    EXPECT_EQ(all["groups"][0]["error"], "Http503");
    EXPECT_EQ(all["groups"][0]["redriven"], 1);
}

}  // namespace
}  // namespace drover::cli
