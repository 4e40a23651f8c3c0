// One line of a watch. Room: kube. Pure.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "src/kube/api_error.h"

namespace drover::kube {

struct WatchEvent {
    enum class Type { added, modified, deleted, bookmark };
    Type type = Type::added;
    nlohmann::json object;  // of a bookmark: only the version counts
    std::string version;    // of the object, never empty: a watch can go on after it
};

// Total. An ERROR event is the ApiError that it carries; a line that is no event, or whose object has no name or no
// version, is `unreadable`.
ApiResult<WatchEvent> parse_watch_event(std::string_view line);

}  // namespace drover::kube
