#include "cli/run/sidecar_log.h"

#include <nlohmann/json.hpp>

namespace drover::cli {
namespace {

using nlohmann::json;

json parsed(std::string_view line) {
    return line.starts_with('{') ? json::parse(line, nullptr, false) : json(json::value_t::discarded);
}

std::string text_of(const json& object, const char* name) {
    const auto field = object.find(name);
    return field != object.end() && field->is_string() ? field->get<std::string>() : std::string();
}

}  // namespace

std::string readable_log_line(std::string_view line) {
    const json entry = parsed(line);
    if (!entry.is_object()) return std::string(line);
    const std::string message = text_of(entry, "message"), error = text_of(entry, "error");
    if (message.empty()) return std::string(line);
    return error.empty() ? message : message + ": " + error;
}

std::optional<DeadLetterLine> dead_letter_line(std::string_view line) {
    if (line.find("\"job dead-lettered\"") == std::string_view::npos) return std::nullopt;  // spares the parsing
    const json entry = parsed(line);
    if (!entry.is_object() || text_of(entry, "message") != "job dead-lettered") return std::nullopt;
    return DeadLetterLine{text_of(entry, "error"), text_of(entry, "cause")};
}

}  // namespace drover::cli
