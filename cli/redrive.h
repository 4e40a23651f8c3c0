// What a redrive makes of each dead letter, and which ones it takes. Pure. Room: cli.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/dead_letter.h"
#include "cli/payload_edit.h"
#include "src/base/field.h"
#include "src/jobqueue/resource.h"

namespace drover::cli {

struct RedriveRequest {
    DeadLetterFilter filter;
    std::optional<PayloadEdit> edit;
    std::optional<std::int64_t> max_payload;  // bytes, of the queue
    std::vector<jobqueue::LaneTopic> lanes;   // that exist; the first topic is taken where a job came from none of them
};

// The job as it is produced. Key and value are the record's, or `edited`.
struct RedrivenJob {
    std::string id;
    int run = 1;
    std::string topic;
    std::vector<Field> headers;
    std::optional<std::string> edited;
};

enum class NotRedriven { not_asked_for, redriven_before };
struct Refused {
    std::string reason;
};
using RedriveDecision = std::variant<RedrivenJob, NotRedriven, Refused>;

// `mark`: that it was redriven before, or null.
RedriveDecision decide_redrive(const LetterRecord& record, const DeadLetter& letter, const RedriveRequest& request,
                               const RedrivenMark* mark, Time now);

// The same for letters of one run of one job: a sidecar's crash may have left several.
std::string job_run_of(const DeadLetter& letter);

struct RedriveCandidate {
    LetterPlace place;
    std::string job_run;
    Time failed_at{};
};
struct RedriveChoice {
    std::set<LetterPlace> letters;
    std::int64_t jobs = 0;  // fewer than letters where several stand for one
};
// The jobs that failed first, at most `limit` of them; without those of which another letter was redriven before.
RedriveChoice choose(std::vector<RedriveCandidate> candidates, const std::set<std::string>& redriven_job_runs,
                     std::optional<std::int64_t> limit);

// "50/s", "10/m", "1/h", "50": per second. Nothing for all else, and for what is not above 0.
std::optional<double> parse_rate(std::string_view text);

}  // namespace drover::cli
