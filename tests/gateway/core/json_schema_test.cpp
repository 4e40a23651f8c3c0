#include "gateway/core/json_schema.h"

#include <gmock/gmock.h>

#include "gateway/core/payload_schema.h"

namespace drover::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> complaints(const std::string& schema, const json& value) {
    const Result<JsonSchema> compiled = JsonSchema::compile(json::parse(schema));
    EXPECT_TRUE(compiled) << schema << ": " << compiled.error().message;
    return compiled ? compiled->check(value, "payload", 20) : std::vector<std::string>{"no schema"};
}

std::string refusal(const std::string& schema) {
    const Result<JsonSchema> compiled = JsonSchema::compile(json::parse(schema));
    return compiled ? "" : compiled.error().message;
}

TEST(JsonSchema, C1_takes_what_its_rules_allow_and_nothing_else) {
    struct Rule {
        const char *schema, *good, *bad;  // lists of values
    };
    for (
        const auto& [schema, good, bad] : {
            Rule{"true", "[1, null, {}]", "[]"},
            Rule{"{}", "[1, null, {}]", "[]"},
            Rule{"false", "[]", "[1, null, {}]"},
            Rule{R"({"type": "integer"})", "[1, 1.0, 18446744073709551615]", R"([1.5, "1", true, null])"},
            Rule{R"({"type": "number"})", "[1, 1.5]", R"(["1", true])"},
            Rule{R"({"type": ["null", "boolean"]})", "[null, true]", "[0, [], {}]"},
            Rule{R"({"type": "array"})", "[[]]", "[{}]"},
            Rule{R"({"const": {"a": [1, 2]}})", R"([{"a": [1.0, 2]}])", R"([{"a": [2, 1]}, {"a": [1, 2], "b": 0}])"},
            Rule{R"({"const": false})", "[false]", "[0, null]"},
            Rule{R"({"enum": [1, "a", null]})", R"([1, "a", null])", R"(["b", 0, false, []])"},
            Rule{R"({"minimum": 1, "maximum": 3})", R"([1, 3, 2.5, "x"])", "[0.9, 4]"},
            Rule{R"({"exclusiveMinimum": 1, "exclusiveMaximum": 3})", "[2]", "[1, 3]"},
            Rule{R"({"maximum": 9007199254740992})", "[9007199254740992]", "[9007199254740993]"},
            Rule{R"({"multipleOf": 3})", "[0, -6, 9.0]", "[1, 4.5]"},
            Rule{R"({"multipleOf": 0.0001})", "[0.0075]", "[0.00751]"},
            Rule{R"({"minLength": 2, "maxLength": 3})", R"(["äö", "日本語", 1])", R"(["ä", "abcd"])"},
            Rule{R"({"pattern": "^a+$"})", R"(["aa", 1])", R"(["", "ab", "ba"])"},
            Rule{R"({"pattern": "b"})", R"(["abc"])", R"(["ac"])"},
            Rule{R"({"pattern": "^\\u00e4\\d\\/$"})", R"(["ä1/"])", R"(["a1/"])"},
            Rule{R"({"format": "date-time"})", R"(["2026-01-31T12:00:00Z", 1])", R"(["2026-02-30T12:00:00Z", "x"])"},
            Rule{R"({"format": "date"})", R"(["2026-01-31"])", R"(["2026-02-30", "2026-1-1"])"},
            Rule{R"({"format": "time"})", R"(["12:00:00+02:00"])", R"(["25:00:00Z", "12:00"])"},
            Rule{R"({"format": "of a stranger"})", R"(["x"])", "[]"},
            Rule{R"({"items": {"type": "string"}})", R"([[], ["a"], "x"])", R"([["a", 1]])"},
            Rule{R"({"items": [{"type": "string"}], "additionalItems": false})", R"([[], ["a"]])",
                 R"([[1], ["a", 1]])"},
            Rule{R"({"items": {}, "additionalItems": false})", "[[1, 2]]", "[]"},
            Rule{R"({"minItems": 1, "maxItems": 2})", "[[1], [1, 2]]", "[[], [1, 2, 3]]"},
            Rule{R"({"uniqueItems": true})", "[[1, true, 0, false, [1], [true]], []]",
                 R"([[1, 2, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1}]])"},
            Rule{R"({"contains": {"const": 1}})", "[[0, 1], 1]", "[[], [0]]"},
            Rule{R"({"minProperties": 1, "maxProperties": 1})", R"([{"a": 1}])", R"([{}, {"a": 1, "b": 2}])"},
            Rule{R"({"required": ["a", "b"]})", R"([{"a": 1, "b": null}, []])", R"([{"a": 1}])"},
            Rule{R"({"properties": {"a": {"type": "string"}, "b": false}})", R"([{"a": "", "c": 1}, {}])",
                 R"([{"a": 1}, {"b": 1}])"},
            Rule{
                R"({"properties": {"a": {}}, "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false})",
                R"([{"a": 1, "xy": ""}])", R"([{"b": 1}, {"xy": 1}])"},
            Rule{R"({"additionalProperties": {"type": "string"}})", R"([{"b": ""}])", R"([{"b": 1}])"},
            Rule{R"({"propertyNames": {"maxLength": 1}})", R"([{"b": 1}])", R"([{"bc": 1}])"},
            Rule{R"({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}})",
                 R"([{}, {"a": 1, "b": 1}, {"c": 1, "d": 1}])", R"([{"a": 1}, {"c": 1}])"},
            Rule{R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", "[1, 2]", "[0, 3]"},
            Rule{R"({"anyOf": [{"const": 1}, {"type": "string"}]})", R"([1, "a"])", "[2]"},
            Rule{R"({"oneOf": [{"minimum": 1}, {"maximum": 2}]})", "[0, 3]", "[1.5]"},
            Rule{R"({"not": {"type": "string"}})", "[1]", R"(["a"])"},
            Rule{R"({"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"minimum": 1}})", R"(["a", 1])",
                 R"(["", 0])"},
            Rule{R"({"then": false, "else": false})", "[1]", "[]"},
            Rule{R"({"$ref": "#/definitions/a%25b", "minimum": 9, "definitions": {"a%b": {"type": "integer"}}})", "[1]",
                 R"(["a"])"},
            Rule{R"({"properties": {"next": {"$ref": "#"}}, "additionalProperties": false})",
                 R"([{"next": {"next": {}}}])", R"([{"next": {"next": {"x": 1}}}])"},
        }) {
        for (const json& value : json::parse(good))
            EXPECT_THAT(complaints(schema, value), IsEmpty()) << schema << " " << value;
        for (const json& value : json::parse(bad))
            EXPECT_FALSE(complaints(schema, value).empty()) << schema << " " << value;
    }
}

TEST(JsonSchema, C1_says_where_what_is_wrong) {
    EXPECT_THAT(
        complaints(
            R"({"properties": {"to": {"items": {"type": ["string", "null"]}}, "n": {"maximum": 3}}, "required": ["x"]})",
            json::parse(R"({"n": 4, "to": ["a", 7]})")),
        ElementsAre("payload lacks x", "payload.n must be at most 3", "payload.to[1] must be of type string or null"));
    EXPECT_THAT(complaints(R"({"items": false})", json(std::vector<int>(100))), SizeIs(20));
    // What only asks whether something fits says nothing of its own.
    EXPECT_THAT(
        complaints(R"({"anyOf": [{"items": false}, {"not": {}}], "not": {"type": "string"}})", json::array({1})),
        ElementsAre("payload fits none of the schemas in anyOf"));
}

TEST(JsonSchema, C1_refuses_what_is_no_schema_and_says_where) {
    for (const char* schema : {"7",
                               "[]",
                               R"("x")",
                               R"({"type": "any"})",
                               R"({"type": []})",
                               R"({"enum": 1})",
                               R"({"minimum": "1"})",
                               R"({"minLength": -1})",
                               R"({"minLength": 1.5})",
                               R"({"multipleOf": 0})",
                               R"({"pattern": "["})",
                               R"({"pattern": 1})",
                               R"({"pattern": "(?=a)b"})",
                               R"({"pattern": "(a)\\1"})",
                               R"({"format": 1})",
                               R"({"uniqueItems": 1})",
                               R"({"required": ["a", 1]})",
                               R"({"properties": []})",
                               R"({"properties": {"a": 1}})",
                               R"({"patternProperties": {"[": {}}})",
                               R"({"allOf": {}})",
                               R"({"dependencies": {"a": [1]}})",
                               R"({"$ref": 1})",
                               R"({"$ref": "other.json"})",
                               R"({"$ref": "http://example.org/s"})",
                               R"({"$ref": "#/a"})",
                               R"({"$ref": "#a"})",
                               R"({"$ref": "#/~2"})",
                               R"({"items": {"$ref": "#/items/x"}})"}) {
        EXPECT_THAT(refusal(schema), HasSubstr("the schema at #")) << schema;
    }
    EXPECT_THAT(refusal(R"({"properties": {"a": {"items": {"type": "strin"}}}})"),
                HasSubstr("#/properties/a/items: type"));
    EXPECT_EQ(refusal(R"({"maxLength": 1e300, "minItems": 2.0})"), "");
}

TEST(JsonSchema, C14_refuses_one_that_would_never_judge) {
    for (
        const char* schema :
        {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})", R"({"not": {"anyOf": [{"oneOf": [{"$ref": "#"}]}]}})",
         R"({"items": {"$ref": "#/a"}, "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}})",
         R"({"definitions": {"x": {"anyOf": [{"$ref": "#/definitions/x"}, {"type": "integer"}]}}, "$ref": "#/definitions/x"})",
         R"({"if": {"$ref": "#"}})", R"({"then": {"$ref": "#"}})", R"({"dependencies": {"a": {"$ref": "#"}}})"}) {
        EXPECT_THAT(refusal(schema), HasSubstr("comes back to itself")) << schema;
    }
    std::string chain = R"({"$ref": "#/s0", "s30000": {})";  // each leads to the next
    for (int i = 0; i < 30'000; ++i) {
        chain += ", \"s" + std::to_string(i) + R"(": {"$ref": "#/s)" + std::to_string(i + 1) + "\"}";
    }
    EXPECT_THAT(refusal(chain + "}"), HasSubstr("more than 30"));
}

TEST(JsonSchema, C14_a_long_text_costs_neither_the_stack_nor_much_time) {
    const std::string text(1 << 20, 'a');
    EXPECT_THAT(complaints(R"({"pattern": "^[a-z]+$"})", text), IsEmpty());
    EXPECT_THAT(complaints(R"({"pattern": "^(a|b)*$"})", text), IsEmpty());
    for (const char* hard : {R"({"pattern": "\\S+@\\S+"})", R"({"pattern": "^(a+)+$b"})", R"({"pattern": "(a|aa)+c"})",
                             R"({"format": "date-time"})"}) {
        EXPECT_THAT(complaints(hard, text), SizeIs(1)) << hard;
    }
    EXPECT_THAT(complaints(R"({"patternProperties": {"^(a+)+$b": false}})", json::object({{text, 1}})), IsEmpty());
}

TEST(JsonSchema, C14_one_that_doubles_its_work_again_and_again_is_given_up) {
    std::string doubling = R"({"allOf": [{"$ref": "#/s0"}], "s20": {"type": "string"})";
    for (int i = 0; i < 20; i += 2) {
        const std::string next = R"({"$ref": "#/s)" + std::to_string(i + 2) + "\"}";
        doubling +=
            ", \"s" + std::to_string(i) + R"(": {"allOf": [)" + next + "," + next + "," + next + "," + next + "]}";
    }
    EXPECT_THAT(complaints(doubling + "}", "a"), ElementsAre(HasSubstr("cannot be checked")));
    std::string many = R"({"anyOf": [false)";
    for (int i = 0; i < 300; ++i) many += R"(, {"pattern": "(x+x+)+y"})";
    EXPECT_THAT(complaints(many + "]}", std::string(1 << 20, 'x')), ElementsAre(HasSubstr("cannot be checked")));
}

TEST(JsonSchema, C14_of_a_long_list_a_complaint_shows_the_beginning_and_one_that_nobody_hears_nothing) {
    json schema{{"enum", json::array()}};
    for (int i = 0; i < 1000; ++i) schema["enum"].push_back("number " + std::to_string(i));
    const auto said = complaints(schema.dump(), "none of them");
    ASSERT_THAT(said, SizeIs(1));
    EXPECT_THAT(said.front(), HasSubstr(R"(must be one of ["number 0","number 1")"));
    EXPECT_LT(said.front().size(), 1100U);
    EXPECT_THAT(complaints(json{{"anyOf", {schema, true}}}.dump(), "none of them"), IsEmpty());
}

TEST(JsonSchema, C14_patterns_have_no_more_memory_than_is_good) {
    EXPECT_THAT(refusal(R"({"pattern": "((a{100}){100}){100}"})"), HasSubstr("cannot be used"));
    json many = json::object();
    for (int i = 0; i < 1000; ++i) many["patternProperties"]["a{1,500}" + std::to_string(i)] = true;
    EXPECT_THAT(refusal(many.dump()), HasSubstr("too many patterns"));
}

TEST(JsonSchema, C14_nesting_costs_no_stack) {
    std::string schema = "{", end = "}";
    for (int i = 0; i < 28; ++i) {
        schema += R"("items": {"not": {)";
        end += "}}";
    }
    std::string value = "1";
    for (int i = 0; i < 55; ++i) value = "[" + value + "]";
    const Result<PayloadSchema> compiled = PayloadSchema::compile(schema + end);
    ASSERT_TRUE(compiled) << compiled.error().message;
    EXPECT_THAT(compiled->check(value), IsEmpty());
    EXPECT_THAT(compiled->check("[" + std::string(100, '[') + std::string(101, ']')), ElementsAre(HasSubstr("deep")));
}

}  // namespace
}  // namespace drover::gateway
