#include <nlohmann/json.hpp>

#include "src/http/server.h"

namespace drover::http {

Response json_response(int status, std::string body) {
    return {status, {{"content-type", "application/json"}}, std::move(body)};
}

Response problem(int status, std::string_view title, std::string_view detail) {
    nlohmann::ordered_json body = {{"type", "about:blank"}, {"title", title}, {"status", status}};
    if (!detail.empty()) body["detail"] = detail;
    // What is wrong with a request may quote bytes that are not UTF-8.
    return {status,
            {{"content-type", "application/problem+json"}},
            body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)};
}

}  // namespace drover::http
