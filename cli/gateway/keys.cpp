#include "cli/gateway/keys.h"

#include <optional>

namespace drover::cli {
namespace {

constexpr char escape = '\x1b';

std::optional<Key> key_of(std::string_view parameters, char last) {
    using Kind = Key::Kind;
    switch (last) {
        case 'A': return Key{Kind::up};
        case 'B': return Key{Kind::down};
        case 'H': return Key{Kind::home};
        case 'F': return Key{Kind::end};
        case '~': break;
        default: return std::nullopt;
    }
    if (parameters == "5") return Key{Kind::page_up};
    if (parameters == "6") return Key{Kind::page_down};
    if (parameters == "1" || parameters == "7") return Key{Kind::home};
    if (parameters == "4" || parameters == "8") return Key{Kind::end};
    return std::nullopt;
}

bool is_final(char c) { return c >= '@' && c <= '~'; }

}  // namespace

std::vector<Key> Keys::add(std::string_view bytes) {
    std::vector<Key> keys;
    rest_ += bytes;
    std::size_t at = 0;
    while (at < rest_.size()) {
        if (rest_[at] != escape) {
            keys.push_back({Key::Kind::character, rest_[at++]});
            continue;
        }
        if (at + 1 == rest_.size()) break;  // more may come
        const char introducer = rest_[at + 1];
        if (introducer != '[' && introducer != 'O') {
            ++at;  // the Escape key, then another one
            continue;
        }
        std::size_t end = at + 2;
        while (end < rest_.size() && !is_final(rest_[end])) ++end;
        if (end == rest_.size()) break;
        if (const auto key = key_of(std::string_view(rest_).substr(at + 2, end - at - 2), rest_[end]))
            keys.push_back(*key);
        at = end + 1;
    }
    rest_.erase(0, at);
    return keys;
}

}  // namespace drover::cli
