// The checker of payloads beside the JSON Schema organisation's own tests of draft 7, from Debian's package
// json-schema-test-suite.
#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>

#include "gateway/core/json_schema.h"

namespace drover::gateway {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path suite = "/usr/share/json-schema-test-suite/tests/draft7";

json read(const fs::path& path) {
    std::ifstream file(path);
    return json::parse(file);
}

// References that lead out of the schema are refused where the queue is read: no payload is judged by one of them.
const std::set<std::string> lead_out = {
    "definitions: invalid definition",
    "definitions: valid definition",
    "ref: Recursive references between schemas",
    "ref: remote ref, containing refs itself",
    "refRemote: base URI change",
    "refRemote: base URI change - change folder",
    "refRemote: base URI change - change folder in subschema",
    "refRemote: fragment within remote ref",
    "refRemote: ref within remote ref",
    "refRemote: remote ref",
    "refRemote: root ref in remote ref",
};

class JsonSchemaSuite : public ::testing::Test {
protected:
    void judge(const fs::path& path) {
        for (const json& group : read(path)) {
            const std::string name = path.stem().string() + ": " + group.at("description").get<std::string>();
            const Result<JsonSchema> schema = JsonSchema::compile(group.at("schema"));
            if (!schema) {
                EXPECT_THAT(schema.error().message, ::testing::HasSubstr("$ref must lead into this schema")) << name;
                refused_.insert(name);
                continue;
            }
            for (const json& each : group.at("tests")) {
                ++judged_;
                EXPECT_EQ(schema->check(each.at("data"), "payload", 1).empty(), each.at("valid").get<bool>())
                    << name << ": " << each.at("description").get<std::string>() << "\n"
                    << each.at("data").dump();
            }
        }
    }

    int judged_ = 0;
    std::set<std::string> refused_;
};

TEST_F(JsonSchemaSuite, C1_judges_as_the_official_tests_do) {
    for (const fs::directory_entry& each : fs::directory_iterator(suite)) {
        if (each.path().extension() == ".json") judge(each.path());
    }
    for (const char* each : {"bignum", "zeroTerminatedFloats", "format/date", "format/time", "format/date-time"})
        judge(suite / "optional" / (std::string(each) + ".json"));
    EXPECT_GE(judged_, 427);
    EXPECT_EQ(refused_, lead_out);
}

}  // namespace
}  // namespace drover::gateway
