#include "gateway/core/router.h"

#include <algorithm>

#include "src/base/percent.h"

namespace drover::gateway {
namespace {

std::string_view take_segment(std::string_view& path) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    return segment;
}

}  // namespace

bool matches_path(std::string_view pattern, std::string_view path, PathParts& parts) {
    if (std::ranges::count(pattern, '/') != std::ranges::count(path, '/')) return false;
    while (!pattern.empty() || !path.empty()) {
        const std::string_view wanted = take_segment(pattern);
        const std::optional<std::string> found = percent_decode(take_segment(path));
        if (!found) return false;
        if (!wanted.starts_with('{')) {
            if (wanted != *found) return false;
            continue;
        }
        const std::size_t close = wanted.find('}');
        const std::string_view ending = wanted.substr(close + 1);
        if (found->size() <= ending.size() || !found->ends_with(ending)) return false;
        parts[std::string(wanted.substr(1, close - 1))] = found->substr(0, found->size() - ending.size());
    }
    return true;
}

}  // namespace drover::gateway
