#include "cli/yaml_text.h"

#include <gtest/gtest.h>

#include "src/jobqueue/node.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

json read_back(const std::string& yaml) {
    const jobqueue::Documents read = jobqueue::read_yaml(yaml, "test");
    EXPECT_TRUE(read.problems.empty()) << yaml;
    EXPECT_EQ(read.documents.size(), 1U) << yaml;
    return read.documents.empty() ? json() : jobqueue::to_json(*read.documents.front());
}

TEST(YamlText, D2_it_reads_like_what_people_write) {
    const ordered_json value{{"kind", "Deployment"},
                             {"metadata", {{"name", "drover-email"}, {"labels", {{"drover.dev/queue", "email"}}}}},
                             {"list", {1, "two", {{"a", 1}, {"b", {2, 3}}}}},
                             {"empty", ordered_json::object()},
                             {"none", ordered_json::array()}};
    EXPECT_EQ(to_yaml(value),
              "kind: Deployment\n"
              "metadata:\n"
              "  name: drover-email\n"
              "  labels:\n"
              "    drover.dev/queue: email\n"
              "list:\n"
              "- 1\n"
              "- two\n"
              "- a: 1\n"
              "  b:\n"
              "  - 2\n"
              "  - 3\n"
              "empty: {}\n"
              "none: []\n");
}

TEST(YamlText, D2_a_text_that_could_be_something_else_stays_a_text) {
    for (const char* text :
         {"",     "yes",        "No",    "on",   "y",   "null", "~",   "1",   "0x1f", "1e3",   "-1",
          ".5",   "2026-01-01", "12:30", "a: b", "# c", "- d",  "[e]", "{f}", "'g'",  "\"h\"", "i\nj",
          " k",   "l ",         "*m",    "&n",   "!o",  "%p",   "@q",  "`r",  "s\tt", "ü",     "{\"a\": [1, 'x']}",
          "\x01", "a:",         "?",     "|",    ">"}) {
        const json value{{"text", text}, {"list", json::array({text})}};
        EXPECT_EQ(read_back(to_yaml(value)), value) << to_yaml(value);
        if (*text != 0) {
            const json keyed{{text, 1}};
            EXPECT_EQ(read_back(to_yaml(keyed)), keyed) << to_yaml(keyed);
        }
    }
}

TEST(YamlText, D2_lists_of_lists_and_bare_values_are_read_back) {
    for (const json& value : {json::parse(R"([[1,[2]],[[]],{"a":[[{"b":null}]]}])"),
                              json::parse(R"({"a":{"b":{"c":true}}})"), json("text"), json(1.5), json(nullptr)}) {
        EXPECT_EQ(read_back("x: 1\n").at("x"), 1);
        const json wrapped{{"value", value}};
        EXPECT_EQ(read_back(to_yaml(wrapped)), wrapped) << to_yaml(wrapped);
    }
}

}  // namespace
}  // namespace drover::cli
