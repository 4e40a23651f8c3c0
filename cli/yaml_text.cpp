#include "cli/yaml_text.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace drover::cli {
namespace {

bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '/';
}

// Words that YAML 1.1 reads as something else than a string, in whatever case.
bool is_taken(std::string_view text) {
    static constexpr std::array<std::string_view, 9> taken{"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    return std::ranges::find(taken, lower) != taken.end();
}

// Beginning with a letter or a slash, it is no number, time or mark of YAML's.
bool is_plain(std::string_view text) {
    if (text.empty() || is_taken(text)) return false;
    const char first = text.front();
    const bool begins_well = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/';
    return begins_well && std::ranges::all_of(text, is_word_character);
}

// JSON's quotes are YAML's too. Where there is nothing to escape but these, single quotes read better.
template <class Json>
std::string scalar(const Json& value) {
    if (!value.is_string()) return value.dump();
    const auto& text = value.template get_ref<const std::string&>();
    if (is_plain(text)) return text;
    std::string quoted = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    const bool single = quoted.find('"', 1) + 1 < quoted.size() && text.find('\'') == std::string::npos &&
                        std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
    return single ? "'" + text + "'" : quoted;
}

std::string key_text(const std::string& key) {
    return is_plain(key) ? key : nlohmann::json(key).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

template <class Json>
void append(std::string& out, const Json& value, std::size_t indent) {
    const std::string margin(indent, ' ');
    for (const auto& [name, member] : value.items()) {
        out += margin;
        if (value.is_array())
            out += "-";
        else
            out.append(key_text(name)).append(":");
        if (!member.is_structured() || member.empty()) {
            out.append(" ").append(scalar(member)).append("\n");
        } else if (!value.is_array()) {
            out += "\n";
            append(out, member, member.is_array() ? indent : indent + 2);
        } else {
            // The first line of the item stands beside its dash.
            std::string item;
            append(item, member, indent + 2);
            out += item.replace(0, indent + 1, "");
        }
    }
}

template <class Json>
std::string text_of(const Json& value) {
    if (!value.is_structured() || value.empty()) return scalar(value) + "\n";
    std::string out;
    append(out, value, 0);
    return out;
}

}  // namespace

std::string to_yaml(const nlohmann::ordered_json& value) { return text_of(value); }
std::string to_yaml(const nlohmann::json& value) { return text_of(value); }

}  // namespace drover::cli
