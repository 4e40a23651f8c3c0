// JSON Schema, draft 7, over nlohmann's tree. Pure. Room: gateway/core. Patterns over RE2.
//
// Schemas and values are strangers', and the thread that judges them serves everybody: whatever they are, the stack is
// bounded by the two's nesting, and the time by the value's size. That is why patterns are RE2's, linear in the text:
// most engines, std::regex among them, take a recursion for each character, and some patterns for ever.
//
// As the standard leaves it open: references lead into the schema itself alone, as "#" and a JSON pointer; of the
// formats date, time and date-time are checked; patterns have no look-ahead and no back references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/base/result.h"

namespace re2 {
class RE2;
}

namespace drover::gateway {

struct SchemaNode {
    using Schema = const SchemaNode*;  // null: not given
    using Pattern = std::shared_ptr<const re2::RE2>;
    struct Dependency {
        std::vector<std::string> names;
        Schema schema = nullptr;
    };

    bool takes_nothing = false;  // false, as a schema
    Schema reference = nullptr;  // then nothing else counts
    std::vector<std::string> types;
    std::optional<nlohmann::json> constant;
    std::optional<std::vector<nlohmann::json>> choice;
    std::optional<long double> least, most, above, below, multiple_of;
    std::optional<std::size_t> min_length, max_length, min_items, max_items, min_properties, max_properties;
    Pattern pattern;
    std::string format;
    bool unique_items = false;
    Schema each_item = nullptr, additional_items = nullptr, contains = nullptr;
    std::optional<std::vector<Schema>> first_items;
    std::vector<std::string> required;
    std::map<std::string, Schema, std::less<>> properties;
    std::vector<std::pair<Pattern, Schema>> pattern_properties;
    Schema additional_properties = nullptr, property_names = nullptr;
    std::map<std::string, Dependency> dependencies;
    std::vector<Schema> all_of, any_of, one_of;
    Schema is_not = nullptr, condition = nullptr, then = nullptr, otherwise = nullptr;
};

class JsonSchema {
public:
    // `invalid` says where in the schema what is wrong. One that comes back to itself without a step into the value is
    // refused too: it would never have judged.
    static Result<JsonSchema> compile(const nlohmann::json& schema);

    // What is wrong with the value, at most `most` lines: "payload.to[0] must be a string", where `name` is the
    // value's. Empty: it is well.
    std::vector<std::string> check(const nlohmann::json& value, const std::string& name, std::size_t most) const;

private:
    std::vector<std::unique_ptr<SchemaNode>> nodes_;  // the first one is the whole
};

}  // namespace drover::gateway
