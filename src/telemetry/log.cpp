#include "src/telemetry/log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "src/base/time.h"

namespace drover::log {
namespace {

using Json = nlohmann::ordered_json;

spdlog::logger& logger() {
    // Never destroyed: threads may log until the process is gone.
    static auto* const instance = [] {
        auto* const made = new spdlog::logger("drover", std::make_shared<spdlog::sinks::stdout_sink_mt>());
        made->set_pattern("%v");
        made->set_level(spdlog::level::info);
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *instance;
}

std::atomic<Format> line_format{Format::json};

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warn: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
        case Level::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

std::string_view name_of(Level level) {
    switch (level) {
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warn: return "warn";
        case Level::error: return "error";
        case Level::off: break;
    }
    return "off";
}

Json to_json(const Value& value) {
    return std::visit([](const auto& held) { return Json(held); }, value.get());
}

std::string dump(const Json& json, bool ascii_only = false) {
    return json.dump(-1, ' ', ascii_only, Json::error_handler_t::replace);
}

std::string json_line(const std::string& time, Level level, std::string_view message, Fields fields) {
    Json line = {{"time", time}, {"level", name_of(level)}, {"message", message}};
    for (const auto& field : fields) line.emplace(std::string(field.name), to_json(field.value));
    return dump(line);
}

// U+0080 to U+009F, which terminals obey as they do escape sequences.
bool has_terminal_controls(std::string_view utf8) {
    for (std::size_t i = 0; i + 1 < utf8.size(); ++i) {
        const auto second = static_cast<unsigned char>(utf8[i + 1]);
        if (utf8[i] == '\xc2' && second >= 0x80 && second <= 0x9f) return true;
    }
    return false;
}

bool is_plain(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
    });
}

std::string text_value(const Value& value) {
    const auto* text = std::get_if<std::string_view>(&value.get());
    if (text != nullptr && is_plain(*text)) return std::string(*text);
    const Json json = to_json(value);
    std::string quoted = dump(json);
    const bool unsafe = has_terminal_controls(quoted) || quoted.find('\x7f') != std::string::npos;
    return unsafe ? dump(json, true) : quoted;
}

std::string text_line(const std::string& time, Level level, std::string_view message, Fields fields) {
    const std::string_view name = name_of(level);
    std::string line = time + " ";
    line.append(name).append(6 - name.size(), ' ').append(message);
    for (const auto& field : fields) line.append(" ").append(field.name).append("=").append(text_value(field.value));
    return line;
}

void write(Level level, std::string_view message, Fields fields) {
    auto& out = logger();
    if (!out.should_log(spdlog_level(level))) return;
    const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    const auto time = format_rfc3339(now);
    out.log(spdlog_level(level), line_format == Format::json ? json_line(time, level, message, fields)
                                                             : text_line(time, level, message, fields));
}

}  // namespace

void start(const Options& options) {
    line_format = options.format;
    logger().set_level(spdlog_level(options.level));
}

void debug(std::string_view message, Fields fields) { write(Level::debug, message, fields); }
void info(std::string_view message, Fields fields) { write(Level::info, message, fields); }
void warn(std::string_view message, Fields fields) { write(Level::warn, message, fields); }
void error(std::string_view message, Fields fields) { write(Level::error, message, fields); }

}  // namespace drover::log
