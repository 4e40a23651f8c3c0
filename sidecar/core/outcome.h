// What an answer of the app means for the job. Pure. Room: sidecar/core.
#pragma once

#include <optional>
#include <string_view>

#include "src/base/time.h"
#include "src/jobqueue/job.h"

namespace drover::sidecar {

// What came back from the app, as the HTTP client saw it; see http::Answer for the kinds.
struct WorkerAnswer {
    enum class Kind { response, refused, cut, malformed, too_large, aborted };
    Kind kind = Kind::refused;
    int status = 0;
    std::string_view retry_after;
    std::string_view outcome;
    std::string_view error;
    std::string_view body;
    std::string_view detail;
};

struct Outcome {
    enum class Verdict {
        done,
        retry,
        dead,           // no further try
        not_delivered,  // the app cannot have seen the job
        aborted,        // we closed the connection: why is the engine's to know
    };
    Verdict verdict = Verdict::done;
    bool costs_attempt = true;     // of retry
    bool overloaded = false;       // the app asks for less
    std::optional<Duration> wait;  // of retry: the app says how long; else the ladder does
    jobqueue::Cause cause;         // of retry and dead
};

// By design.md's table. Total: every status and every header value has an outcome. `now` is for Retry-After dates.
Outcome classify(const WorkerAnswer& answer, Time now);

// What the app itself says of one job, in its answer to a batch or by the job's lease. `error` names the class, else it
// is WorkerFailed; the message's first line is the cause's. `wait` counts where the verdict is retry.
Outcome reported(Outcome::Verdict verdict, std::string_view error, std::string_view message,
                 std::optional<Duration> wait);

// "done", "retry" or "dead" in any case; nothing for all else.
std::optional<Outcome::Verdict> parse_verdict(std::string_view text);

// No wait that an app asks for is longer.
inline constexpr Duration longest_wait = std::chrono::hours(24);

// Retry-After: seconds or an HTTP date (RFC 9110); nothing when it is neither. Past dates and excess (over a day) are
// clamped.
std::optional<Duration> parse_retry_after(std::string_view value, Time now);

}  // namespace drover::sidecar
