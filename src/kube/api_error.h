// Why the API server did not do what it was asked. Room: kube. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::kube {

struct ApiError {
    enum class Reason {
        bad_request,     // the request makes no sense; ours that cannot be sent, too
        unauthorized,    // who we are is not believed
        forbidden,       // we may not
        not_found,       // the object, or the whole kind
        already_exists,  // on create
        conflict,        // another version than was read, or a field that another manager owns
        expired,         // a version or a continue token that is too old: list anew
        invalid,         // the object is refused: `causes` name its fields
        throttled,       // too many requests: not before `retry_after`
        server,          // its own trouble
        unreachable,     // no answer: nothing was done, or the answer was lost
        timeout,         // no answer in time: whether it was done is unknown
        unreadable,      // an answer that is none of Kubernetes'
        stopped,         // the caller wanted no answer any more
    };
    struct Cause {
        std::string field;
        std::string message;
        bool operator==(const Cause&) const = default;
    };

    Reason reason = Reason::server;
    int status = 0;  // of HTTP; 0 where there was no answer
    std::string message;
    std::vector<Cause> causes;
    std::optional<Duration> retry_after;

    // The same request may succeed later.
    bool retryable() const;
    bool operator==(const ApiError&) const = default;
};

template <class T>
using ApiResult = tl::expected<T, ApiError>;

// Total. Of an answer that is no success; `retry_after` is its header, in seconds, or "".
ApiError api_error(int status, std::string_view retry_after, std::string_view body);
// Of a Status object, as a watch has it in an ERROR event.
ApiError api_error(const nlohmann::json& status);
// Of what src/http says when there is no answer.
ApiError api_error(const Error& error);

// For who does not tell Kubernetes' reasons apart, and has taken `retry_after` from it.
Error to_error(const ApiError& error);
std::string_view name_of(ApiError::Reason reason);

}  // namespace drover::kube
