#include "gateway/core/payload_schema.h"

#include <gmock/gmock.h>

namespace drover::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

PayloadSchema schema(std::string_view text) {
    Result<PayloadSchema> compiled = PayloadSchema::compile(text);
    EXPECT_TRUE(compiled) << compiled.error().message;
    return *compiled;
}

const PayloadSchema email = schema(
    R"({"type": "object", "required": ["to"], "additionalProperties": false,
        "properties": {"to": {"type": "array", "items": {"type": "string", "pattern": "@"}}, "n": {"maximum": 3}}})");

TEST(PayloadSchema, passes_what_it_asks_for_C1) {
    EXPECT_THAT(email.check(R"({"to": ["a@b"], "n": 3})"), IsEmpty());
    EXPECT_THAT(schema("true").check("[1]"), IsEmpty());
}

TEST(PayloadSchema, names_the_field_that_is_wrong_C1) {
    for (const auto& [payload, place] :
         std::initializer_list<std::pair<const char*, const char*>>{{R"({"to": ["a@b", "c"]})", "payload.to[1]"},
                                                                    {R"({"to": [], "n": 4})", "payload.n"},
                                                                    {"{}", "payload"},
                                                                    {"[]", "payload"},
                                                                    {R"({"to": [], "x": 1})", "x"}}) {
        const std::vector<std::string> complaints = email.check(payload);
        ASSERT_FALSE(complaints.empty()) << payload;
        std::string all;
        for (const std::string& complaint : complaints) all += complaint + "\n";
        EXPECT_THAT(all, HasSubstr(place)) << payload;
    }
}

TEST(PayloadSchema, refuses_what_is_no_schema) {
    for (const char* text :
         {"", "[", R"({"type": 7})", R"({"$ref": "http://example.com/other.json"})", R"({"required": "to"})"}) {
        EXPECT_FALSE(PayloadSchema::compile(text)) << text;
    }
}

TEST(PayloadSchema, survives_payloads_of_any_kind) {
    for (const std::string& payload :
         {std::string("\xff\xfe"), std::string(200, '['), std::string("1e999"), std::string()})
        EXPECT_FALSE(email.check(payload).empty()) << payload;
}

}  // namespace
}  // namespace drover::gateway
