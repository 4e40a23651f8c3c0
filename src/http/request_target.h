// What a request line asks for. Room: http. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::http {

struct RequestTarget {
    std::string path;      // decoded
    std::string raw_path;  // as it came, where an escaped slash separates nothing
    std::string query;     // as it came, without '?'
};

// Of "/path?query", "http://host/path?query" and "*". Nothing where it is none of these, where an escape is not two
// hex digits, or where a control character hides in it.
std::optional<RequestTarget> parse_request_target(std::string_view target);

}  // namespace drover::http
