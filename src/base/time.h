// Time as Drover uses it: a point on the brokers' wall clock, in microseconds. Room: base.
//
// Cores take the time as an argument and never read a clock. Shells derive it from a steady clock, so it never
// jumps while a program runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover {

using Duration = std::chrono::microseconds;
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

// RFC 3339 in UTC with milliseconds: 2026-11-23T00:32:05.123Z. Years outside 0..9999 are clamped.
std::string format_rfc3339(Time time);
void append_rfc3339(std::string& out, Time time);

// Any RFC 3339 timestamp, offsets included; nothing when it is not one or names an impossible date.
std::optional<Time> parse_rfc3339(std::string_view text);

// Milliseconds since the epoch, as Kafka counts.
inline Time time_from_millis(std::int64_t millis) { return Time(std::chrono::milliseconds(millis)); }
inline std::int64_t to_millis(Time time) {
    return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

}  // namespace drover
