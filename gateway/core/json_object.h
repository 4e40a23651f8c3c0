// Objects of JSON, written and read member by member: for what the view keeps in its rows. Pure. Room: gateway/core.
//
// What is nothing ("", 0, no value) is not written, and reads as nothing. Times are milliseconds since 1970.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/time.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {

class ObjectWriter {
public:
    explicit ObjectWriter(std::string& out) : out_(out) { out_.push_back('{'); }
    ~ObjectWriter() { out_.push_back('}'); }
    ObjectWriter(const ObjectWriter&) = delete;
    ObjectWriter& operator=(const ObjectWriter&) = delete;

    // For a value that the caller appends.
    void name(std::string_view name) {
        if (out_.back() != '{') out_.push_back(',');
        jobqueue::append_json_string(out_, name);
        out_.push_back(':');
    }
    void text(std::string_view name, std::string_view text) {
        if (text.empty()) return;
        this->name(name);
        jobqueue::append_json_string(out_, text);
    }
    void number(std::string_view name, std::int64_t number) {
        if (number == 0) return;
        this->name(name);
        jobqueue::append_json_number(out_, number);
    }
    void time(std::string_view name, const std::optional<Time>& time) {
        if (!time) return;
        this->name(name);
        jobqueue::append_json_number(out_, to_millis(*time));
    }

private:
    std::string& out_;
};

// Read as what they are to be; false where they are something else.
inline bool read(const jobqueue::JsonValue& value, std::string& out) {
    if (value.kind() != jobqueue::JsonValue::Kind::string) return false;
    std::string buffer;
    out = value.string(buffer);
    return true;
}
template <std::integral Number>
bool read(const jobqueue::JsonValue& value, Number& out) {
    const auto number = value.integer();
    if (!number || !std::in_range<Number>(*number)) return false;
    out = static_cast<Number>(*number);
    return true;
}
inline bool read(const jobqueue::JsonValue& value, Time& out) {
    // As far as the milliseconds of a Time reach.
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1000;
    std::int64_t millis = 0;
    if (!read(value, millis) || millis > most || millis < -most) return false;
    out = time_from_millis(millis);
    return true;
}
inline bool read(const jobqueue::JsonValue& value, Duration& out) {
    std::int64_t micros = 0;
    const bool is_number = read(value, micros);
    out = Duration(micros);
    return is_number;
}
template <class T>
bool read(const jobqueue::JsonValue& value, std::optional<T>& out) {
    return read(value, out.emplace());
}

// Calls `each` with the name and value of each member, until it says that one is wrong.
template <class Each>
bool read_members(const jobqueue::JsonValue& object, Each each) {
    if (object.kind() != jobqueue::JsonValue::Kind::object) return false;
    std::string buffer;
    for (jobqueue::JsonParts parts(object); parts.next();) {
        if (!each(parts.name(buffer), parts.value())) return false;
    }
    return true;
}

}  // namespace drover::gateway
