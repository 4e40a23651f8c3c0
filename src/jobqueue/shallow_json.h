// JSON from outside, of a depth that our own recursion can take. Pure. Room: jobqueue.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace drover::jobqueue {

// nlohmann's parser takes any depth; its dump() calls itself for each level, and a megabyte of brackets ends the
// process.
inline constexpr int deepest_json = 100;

// Discarded (is_discarded()) when it is not JSON, or nested deeper than that.
nlohmann::json parse_shallow_json(std::string_view text);

}  // namespace drover::jobqueue
