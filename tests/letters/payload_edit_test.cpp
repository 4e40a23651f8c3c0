#include "src/letters/payload_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::letters {
namespace {

using testing::HasSubstr;

Result<std::string> edited(const std::string& patch, const std::string& payload) {
    const auto edit = PayloadEdit::parse(patch);
    if (!edit) throw std::runtime_error(edit.error().message);
    return edit->apply(payload);
}

TEST(PayloadEdit, C7_changes_what_the_patch_names_and_nothing_else) {
    const std::string payload = R"({"z":1.5,"to":"bad","a":[1,2,18446744073709551615],"n":null})";
    EXPECT_EQ(edited(R"([{"op":"replace","path":"/to","value":"good"},{"op":"add","path":"/a/-","value":{}},)"
                     R"({"op":"remove","path":"/n"}])",
                     payload),
              R"({"z":1.5,"to":"good","a":[1,2,18446744073709551615,{}]})");
    EXPECT_EQ(edited("[]", payload), payload);
}

TEST(PayloadEdit, C7_a_patch_that_does_not_fit_or_a_payload_that_is_not_json_is_an_error) {
    const std::string replace = R"([{"op":"replace","path":"/to","value":1}])";
    EXPECT_THAT(edited(replace, "no json").error().message, HasSubstr("is not JSON"));
    EXPECT_THAT(edited(replace, "").error().message, HasSubstr("is not JSON"));
    EXPECT_THAT(edited(replace, "{}").error().message, HasSubstr("does not fit"));
    EXPECT_THAT(edited(replace, "[]").error().message, HasSubstr("does not fit"));
    EXPECT_THAT(edited(R"([{"op":"test","path":"/to","value":1}])", R"({"to":2})").error().message,
                HasSubstr("does not fit"));
}

TEST(PayloadEdit, a_payload_that_would_not_come_through_unchanged_is_an_error) {
    for (const char* number : {"18446744073709551616", "0.12345678901234567890", "1e999"})
        EXPECT_FALSE(edited("[]", std::string("{\"id\":") + number + "}")) << number;
    EXPECT_THAT(edited("[]", std::string(1000, '[') + std::string(1000, ']')).error().message, HasSubstr("too deep"));
}

TEST(PayloadEdit, what_is_no_patch_names_the_operation_and_the_fault) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "not JSON"},
        {"{}", "must be a JSON array"},
        {R"([{"op":"add","path":"/a","value":1},7])", "operation 2 of the patch: is no object"},
        {R"([{"op":"set","path":"/a"}])", "op must be"},
        {R"([{"op":"add","path":"/a"}])", "value is missing"},
        {R"([{"op":"remove"}])", "path is missing"},
        {R"([{"op":"move","path":"/a"}])", "from is missing"},
        {R"([{"op":"remove","path":"a"}])", "path: "},
    };
    for (const auto& [patch, fault] : cases)
        EXPECT_THAT(PayloadEdit::parse(patch).error().message, HasSubstr(fault)) << patch;
}

}  // namespace
}  // namespace drover::letters
