// What the app asks of its sidecar about the jobs that it has (design: "From the app to the sidecar"). Pure. Room:
// sidecar.
//
//   POST /v1/jobs/{id}/progress   {"percent","step","message","result"}
//   POST /v1/jobs/{id}/logs       lines of text; or, where the content type says JSON, {"lines":[…],"level"}
//   POST /v1/jobs/{id}/heartbeat  nothing
//   POST /v1/jobs/{id}/complete   the result, of any content type
//   POST /v1/jobs/{id}/fail       {"error","message","retryable","retryAfter"}
//   POST /v1/lease                {"max","wait","lease"}
//
// Every field may be left out or null; no body is an object without fields; of a field that comes twice the last
// counts. Durations are text such as "5s", or a number of seconds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sidecar/core/progress_gate.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::sidecar {

namespace request {
// `lease` is the header drover-lease as it came: whether it is stale is not known here.
// The percent is from 0 to 100, fractions are rounded down; step and message have at most 1024 bytes; the result is
// JSON as it was written.
struct Progress : ProgressReport {
    std::string job_id, lease;
};
struct Logs {
    std::string job_id, lease;
    std::string level;               // debug, info, warn or error; "" where the app names none
    std::vector<std::string> lines;  // UTF-8, each without a line end
};
struct Heartbeat {
    std::string job_id, lease;
};
struct Complete {
    std::string job_id, lease;
    std::string result;        // bytes
    std::string content_type;  // "" for none
};
struct Fail {
    std::string job_id, lease;
    std::string error, message;  // of any length: reported() makes a cause of them
    bool retryable = true;
    std::optional<Duration> retry_after;  // at most longest_wait
};
struct LeaseRequest {
    int max = 1;                    // jobs, 1 to 1000
    Duration wait{0};               // for the first of them, at most a minute
    std::optional<Duration> lease;  // how long each is to be held, 1 ms to 24 h
};
}  // namespace request

using WorkerRequest = std::variant<request::Progress, request::Logs, request::Heartbeat, request::Complete,
                                   request::Fail, request::LeaseRequest>;

struct WorkerRequestLimits {
    std::size_t result_bytes = 128 * 1024;
    std::size_t log_lines = 1000;  // in one request
};

// `path` is percent-decoded, as http::Request has it: what stands between /v1/jobs/ and the last slash is the id, other
// slashes and '%' too. An unknown path is a `not_found` Error; whatever else is wrong is `invalid`, and its message
// names each field with what is allowed. Total for any bytes.
Result<WorkerRequest> parse_worker_request(std::string_view path, std::string_view lease_header,
                                           std::string_view content_type, std::string_view body,
                                           const WorkerRequestLimits& limits);

}  // namespace drover::sidecar
