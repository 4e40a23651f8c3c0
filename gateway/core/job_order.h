// From a submission to the record that it becomes: which topic, with which headers; or what is wrong with it.
// Pure. Room: gateway/core.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/submission.h"

namespace drover::gateway {

struct JobOrder {
    std::string id;
    std::string topic;
    std::optional<std::string> key;
    std::string value;
    std::vector<Field> headers;
    std::optional<Time> due;  // where it is to wait for a time first
};

// Beyond what parse_submission() checked: `too_large` over the queue's limit for payloads, or 1 MiB of a job with a
// delay or a time; `invalid` for a callback
// that is no http(s) URL, a deadline that is over or before the job is due, and times more than ten years away.
Result<void> check_submission(const jobqueue::Submission& job, const jobqueue::JobQueue& queue, Time now);

// `job` has an id and was checked.
JobOrder order_of(jobqueue::Submission job, const jobqueue::Topics& topics, Time now);

}  // namespace drover::gateway
