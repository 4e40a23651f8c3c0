#include "src/http/request_target.h"

#include <algorithm>

#include "src/base/percent.h"

namespace drover::http {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

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
    if (target == "*") return RequestTarget{"*", "*", ""};
    target = without_authority(target);
    const auto question = target.find('?');
    auto raw_path = target.substr(0, question);
    const auto query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
    if (!raw_path.empty() && raw_path.front() != '/') return std::nullopt;
    if (raw_path.empty() && question == std::string_view::npos) return std::nullopt;
    if (target.find('#') != std::string_view::npos) return std::nullopt;
    if (std::any_of(query.begin(), query.end(), [](char c) { return is_control(c) || c == ' '; })) return std::nullopt;
    if (raw_path.empty()) raw_path = "/";
    auto path = percent_decode(raw_path);
    if (!path || std::ranges::any_of(*path, is_control)) return std::nullopt;
    return RequestTarget{std::move(*path), std::string(raw_path), std::string(query)};
}

}  // namespace drover::http
