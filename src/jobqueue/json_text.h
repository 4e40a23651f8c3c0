// JSON as text: checked, read and written where it stands, without a tree. Pure. Room: jobqueue.
//
// For values that pass through and for the path of every job. A tree costs an allocation for every value, changes
// numbers that no double holds, and is written by recursion, so that deep nesting overflows the stack; here a value
// stays the text that it is. Nothing allocates but what appends to a caller's string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace drover::jobqueue {

// .NET reads 64 levels; a value may stand in a list of objects.
inline constexpr int max_json_depth = 60;

// What keeps `text` from being one JSON value that every common parser takes, as the end of a sentence; "" when nothing
// does. Beside the grammar (RFC 8259): it is UTF-8, \u escapes of surrogates come in pairs, it is nested at most
// `max_depth` (at most max_json_depth) deep, and no number is too large for a double or longer than 1000 characters.
// Linear, for any bytes.
std::string_view json_fault(std::string_view text, int max_depth = max_json_depth);

// A value in a text that was checked. Borrows the text.
class JsonValue {
public:
    enum class Kind { null, boolean, number, string, array, object };

    Kind kind() const;
    std::string_view text() const { return text_; }  // as it is written, without white space around it
    bool is_true() const { return text_ == "true"; }
    // Of another kind: nothing.
    std::optional<double> number() const;
    std::optional<std::int64_t> integer() const;  // of a number without fraction and exponent, where it fits
    // The characters of a string: a view of the text where it has no escapes, else of `buffer`. Of another kind: "".
    std::string_view string(std::string& buffer) const;

private:
    friend Result<JsonValue> read_json(std::string_view text);
    friend class JsonParts;
    explicit JsonValue(std::string_view text) : text_(text) {}

    std::string_view text_;  // not empty
};

// An `invalid` Error whose message is the fault.
Result<JsonValue> read_json(std::string_view text);

// The members of an object or the items of an array, one after the other:
//   for (JsonParts parts(value); parts.next();) … parts.name(buffer) … parts.value() …
// Any other value has none. Names that come twice come twice.
class JsonParts {
public:
    explicit JsonParts(const JsonValue& container);

    bool next();
    std::string_view name(std::string& buffer) const { return name_.string(buffer); }  // of an item: ""
    const JsonValue& value() const { return value_; }

private:
    std::string_view take_value();
    void skip_space();

    std::string_view rest_;
    bool has_names_ = false;
    JsonValue name_;
    JsonValue value_;
};

// `text` in quotes, escaped. Bytes that are not UTF-8 become U+FFFD each; says whether there were none.
bool append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, std::int64_t number);

// Whether a content type says JSON: application/json, text/json, and whatever ends in +json (RFC 6839), in any case and
// with any parameters.
bool is_json_type(std::string_view content_type);

}  // namespace drover::jobqueue
