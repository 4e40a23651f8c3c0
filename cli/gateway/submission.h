// A job as the gateway takes it, from what a command line says. Pure. Room: cli.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace drover::cli {

struct SubmissionFields {
    std::string type, priority, delay, run_at, timeout, deadline, unique_key, callback;
    std::optional<std::string> key;
    std::optional<int> max_attempts;
    std::vector<std::string> labels;  // name=value each
};

// The fields that all jobs of a command share, as JSON text without its closing brace: "{" or "{…,". `invalid` names
// the option that is wrong; what a field may be the gateway says.
Result<std::string> shared_fields(const SubmissionFields& fields);

// The whole submission. The payload goes through as it is written; `invalid` where it is no JSON.
Result<std::string> submission_of(const std::string& shared, std::string_view payload);

}  // namespace drover::cli
