#include "src/http/request_target.h"

#include <algorithm>

namespace drover::http {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (is_control(c)) return std::nullopt;
        decoded += c;
    }
    return decoded;
}

// "http://host:1/path" → "/path". Only a proxy's client needs it, but every server has to understand it.
std::string_view without_authority(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const auto rest = target.find_first_of("/?", scheme.size());
        return rest == std::string_view::npos ? "/" : target.substr(rest);
    }
    return target;
}

}  // namespace

std::optional<RequestTarget> parse_request_target(std::string_view target) {
    if (target == "*") return RequestTarget{"*", ""};
    target = without_authority(target);
    const auto question = target.find('?');
    const auto raw_path = target.substr(0, question);
    const auto query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
    if (!raw_path.empty() && raw_path.front() != '/') return std::nullopt;
    if (raw_path.empty() && question == std::string_view::npos) return std::nullopt;
    if (target.find('#') != std::string_view::npos) return std::nullopt;
    if (std::any_of(query.begin(), query.end(), [](char c) { return is_control(c) || c == ' '; })) return std::nullopt;
    auto path = decode(raw_path.empty() ? "/" : raw_path);
    if (!path) return std::nullopt;
    return RequestTarget{std::move(*path), std::string(query)};
}

}  // namespace drover::http
