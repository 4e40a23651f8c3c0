// Log lines on stdout: a constant message and key=value fields. Room: telemetry. Over spdlog.
//
//   log::warn("job dead-lettered", {{"job", id}, {"attempt", 3}, {"error", cause}});
//   {"time":"2026-11-23T00:32:05.123Z","level":"warn","message":"job dead-lettered","job":"…","attempt":3,"error":"…"}
//
// Any thread. Values may hold anything: what is not UTF-8 or could steer a terminal is replaced or escaped. Written at
// once, line by line. Before start() lines are JSON from `info` on.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace drover::log {

enum class Level { debug, info, warn, error, off };
enum class Format { json, text };

struct Options {
    Level level = Level::info;
    Format format = Format::json;  // text is for people at a terminal
};

// Once, in main, before there are other threads.
void start(const Options& options);

// Borrows strings: for a call's arguments only.
class Value {
public:
    Value(std::string_view text) : value_(text) {}
    Value(const std::string& text) : value_(std::string_view(text)) {}
    Value(const char* text) : value_(std::string_view(text)) {}
    Value(bool value) : value_(value) {}
    Value(double value) : value_(value) {}
    Value(std::signed_integral auto value) : value_(static_cast<std::int64_t>(value)) {}
    Value(std::unsigned_integral auto value) : value_(static_cast<std::uint64_t>(value)) {}

    const auto& get() const { return value_; }

private:
    std::variant<std::string_view, bool, double, std::int64_t, std::uint64_t> value_;
};

// `name` is not one of time, level, message.
struct LogField {
    std::string_view name;
    Value value;
};
using Fields = std::initializer_list<LogField>;

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

}  // namespace drover::log
