// JSON as text agrees with a parser that builds trees, about the whole and about each part.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace drover::jobqueue;
using nlohmann::json;

void compare(const JsonValue& value, const json& tree) {
    std::string buffer;
    EXPECT_HOLDS(json::parse(value.text()) == tree);
    switch (value.kind()) {
        case JsonValue::Kind::null: EXPECT_HOLDS(tree.is_null()); break;
        case JsonValue::Kind::boolean: EXPECT_HOLDS(tree.is_boolean() && tree.get<bool>() == value.is_true()); break;
        case JsonValue::Kind::string: EXPECT_HOLDS(tree.get<std::string>() == value.string(buffer)); break;
        case JsonValue::Kind::number: EXPECT_HOLDS(value.number() == tree.get<double>()); break;
        case JsonValue::Kind::array: {
            std::size_t count = 0;
            for (JsonParts part(value); part.next(); ++count) compare(part.value(), tree.at(count));
            EXPECT_HOLDS(count == tree.size());
            break;
        }
        case JsonValue::Kind::object: {
            json members = json::object();  // of a name that comes twice the last one counts
            for (JsonParts part(value); part.next();) {
                members[std::string(part.name(buffer))] = json::parse(part.value().text());
            }
            EXPECT_HOLDS(members == tree);
            break;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string literal;
    const bool is_utf8 = append_json_string(literal, text);
    EXPECT_HOLDS(is_utf8 == !find_invalid_utf8(text));
    const auto quoted = read_json(literal);
    std::string buffer;
    EXPECT_HOLDS(quoted && quoted->string(buffer) == clean_text(text, 3 * size));

    const auto value = read_json(text);
    const json tree = json::parse(text, nullptr, false);
    if (!value) {
        // To nlohmann's parser a NUL after a value is the end of the text; JSON has none.
        const bool has_nul = text.find('\0') != std::string_view::npos;
        EXPECT_HOLDS(tree.is_discarded() || has_nul || value.error().message != "is not JSON");
        return 0;
    }
    EXPECT_HOLDS(!tree.is_discarded());
    compare(*value, tree);
    return 0;
}
