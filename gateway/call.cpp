#include "gateway/call.h"

#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"

namespace drover::gateway {

http::Response problem_of(const Error& error) {
    switch (error.code) {
        case Error::Code::invalid: return http::problem(400, "Bad Request", error.message);
        case Error::Code::not_found: return http::problem(404, "Not Found", error.message);
        case Error::Code::conflict: return http::problem(409, "Conflict", error.message);
        case Error::Code::unauthorized: return http::problem(403, "Forbidden", error.message);
        case Error::Code::too_large: return http::problem(413, "Content Too Large", error.message);
        case Error::Code::timeout: return http::problem(504, "Gateway Timeout", error.message);
        case Error::Code::unavailable: {
            http::Response response = http::problem(503, "Service Unavailable", error.message);
            response.headers.push_back({"retry-after", "2"});
            return response;
        }
        case Error::Code::internal: break;
    }
    return http::problem(500, "Internal Server Error", error.message);
}

void Call::answer(int status, const nlohmann::ordered_json& json) const {
    reply(http::json_response(status, to_text(json)));
}

}  // namespace drover::gateway
