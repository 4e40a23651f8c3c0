// A job as it is submitted over HTTP or by the command line, and the record it becomes. Pure. Room: jobqueue.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::jobqueue {

struct Submission {
    std::string id;  // "" until one is given
    std::string type;
    std::string payload;             // bytes of the record's value
    std::string content_type;        // "" for none
    std::optional<std::string> key;  // the ordering key
    std::string priority;
    std::optional<Duration> delay;  // or `run_at`
    std::optional<Time> run_at;
    std::optional<int> max_attempts;
    std::optional<Duration> timeout;
    std::optional<Time> deadline;
    std::string unique_key;
    std::string callback;
    std::string labels;  // JSON object
    std::string traceparent;
};

// The body of POST /queues/{q}/jobs: {"type","payload","key","priority","delay"|"runAt","maxAttempts","timeout",
// "deadline","uniqueKey","labels","callback"}. The payload is any JSON and becomes the record's value as it is written.
// Unknown or wrong fields are an `invalid` Error that lists each.
Result<Submission> parse_submission(std::string_view json);

// The headers of its record, submitted at `now`.
std::vector<Field> submission_headers(const Submission& submission, Time now);

}  // namespace drover::jobqueue
