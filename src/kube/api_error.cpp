#include "src/kube/api_error.h"

#include <algorithm>
#include <charconv>

#include "src/kube/json_fields.h"

namespace drover::kube {
namespace {

using Reason = ApiError::Reason;

constexpr std::size_t longest_message = 2000;
constexpr std::size_t most_causes = 50;
constexpr std::int64_t longest_wait = 24 * 60 * 60;  // seconds

Reason reason_of(std::int64_t status, std::string_view reason) {
    switch (status) {
        case 401: return Reason::unauthorized;
        case 403: return Reason::forbidden;
        case 404: return Reason::not_found;
        case 409: return reason == "AlreadyExists" ? Reason::already_exists : Reason::conflict;
        case 410: return Reason::expired;
        case 422: return Reason::invalid;
        case 429: return Reason::throttled;
        default: return status >= 400 && status < 500 ? Reason::bad_request : Reason::server;
    }
}

std::string excerpt(std::string_view text) { return std::string(shortened(text, longest_message)); }

std::optional<Duration> wait_of(std::int64_t seconds) {
    if (seconds < 0) return std::nullopt;
    return std::chrono::seconds(std::min(seconds, longest_wait));
}

void read_status(const nlohmann::json& status, ApiError& error) {
    error.reason = reason_of(error.status, text_at(status, {"reason"}));
    if (const auto message = text_at(status, {"message"}); !message.empty()) error.message = excerpt(message);
    if (const auto seconds = integer_at(status, {"details", "retryAfterSeconds"}); seconds && *seconds > 0) {
        error.retry_after = wait_of(*seconds);
    }
    const auto* causes = field_at(status, {"details", "causes"});
    if (!causes || !causes->is_array()) return;
    for (const auto& cause : *causes) {
        if (error.causes.size() == most_causes) break;
        error.causes.push_back({excerpt(text_at(cause, {"field"})), excerpt(text_at(cause, {"message"}))});
    }
}

}  // namespace

bool ApiError::retryable() const {
    return reason == Reason::throttled || reason == Reason::server || reason == Reason::unreachable ||
           reason == Reason::timeout || reason == Reason::unreadable;
}

ApiError api_error(int status, std::string_view retry_after, std::string_view body) {
    ApiError error;
    error.status = status;
    error.message = body.empty() ? "HTTP status " + std::to_string(status) : excerpt(body);
    error.reason = reason_of(status, "");
    const auto parsed = nlohmann::json::parse(body, nullptr, false);
    if (text_at(parsed, {"kind"}) == "Status") read_status(parsed, error);
    std::int64_t seconds = 0;
    const auto* end = retry_after.data() + retry_after.size();
    if (const auto [at, ec] = std::from_chars(retry_after.data(), end, seconds);
        ec == std::errc() && at == end && !error.retry_after) {
        error.retry_after = wait_of(seconds);
    }
    return error;
}

ApiError api_error(const nlohmann::json& status) {
    ApiError error;
    const auto code = integer_at(status, {"code"}).value_or(500);
    error.status = code >= 100 && code <= 999 ? static_cast<int>(code) : 500;
    error.message = "the watch ended with an error";
    read_status(status, error);
    return error;
}

ApiError api_error(const Error& error) {
    ApiError made;
    made.message = error.message;
    switch (error.code) {
        case Error::Code::timeout: made.reason = Reason::timeout; break;
        case Error::Code::unavailable: made.reason = error.retryable ? Reason::unreachable : Reason::stopped; break;
        case Error::Code::too_large: made.reason = Reason::unreadable; break;
        default: made.reason = Reason::bad_request;
    }
    return made;
}

Error to_error(const ApiError& error) {
    const auto code = [&] {
        switch (error.reason) {
            case Reason::bad_request:
            case Reason::invalid: return Error::Code::invalid;
            case Reason::unauthorized:
            case Reason::forbidden: return Error::Code::unauthorized;
            case Reason::not_found: return Error::Code::not_found;
            case Reason::already_exists:
            case Reason::conflict:
            case Reason::expired: return Error::Code::conflict;
            case Reason::timeout: return Error::Code::timeout;
            case Reason::unreadable: return Error::Code::internal;
            default: return Error::Code::unavailable;
        }
    }();
    return {code, std::string(name_of(error.reason)) + ": " + error.message, error.retryable()};
}

std::string_view name_of(Reason reason) {
    switch (reason) {
        case Reason::bad_request: return "BadRequest";
        case Reason::unauthorized: return "Unauthorized";
        case Reason::forbidden: return "Forbidden";
        case Reason::not_found: return "NotFound";
        case Reason::already_exists: return "AlreadyExists";
        case Reason::conflict: return "Conflict";
        case Reason::expired: return "Expired";
        case Reason::invalid: return "Invalid";
        case Reason::throttled: return "TooManyRequests";
        case Reason::server: return "ServerError";
        case Reason::unreachable: return "Unreachable";
        case Reason::timeout: return "Timeout";
        case Reason::unreadable: return "Unreadable";
        case Reason::stopped: return "Stopped";
    }
    return "Unknown";
}

}  // namespace drover::kube
