// What a redrive makes of each dead letter, and which ones it takes. Pure. Room: letters.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/letters/dead_letter.h"
#include "src/letters/payload_edit.h"
#include "src/base/field.h"
#include "src/jobqueue/resource.h"

namespace drover::letters {

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

// The same for letters of one run of one job, of which a sidecar's crash may have left several; a digest, since there
// may be millions.
using JobRun = std::array<std::uint64_t, 2>;
JobRun job_run_of(const DeadLetter& letter);

struct RedriveCandidate {
    LetterPlace place;
    JobRun job_run{};
    Time failed_at{};
};
struct RedriveChoice {
    std::vector<LetterPlace> letters;  // one for each job, in order
    // Where several stand for one job, the others: they are marked with the one that is taken.
    std::map<JobRun, std::vector<LetterPlace>> others;

    bool takes(LetterPlace place) const;
    std::int64_t jobs() const { return static_cast<std::int64_t>(letters.size()); }
};
// The jobs that failed first, at most `limit` of them; without those of which another letter was redriven before.
RedriveChoice choose(std::vector<RedriveCandidate> candidates, const std::set<JobRun>& redriven_job_runs,
                     std::optional<std::int64_t> limit);

// "50/s", "10/m", "1/h", "50": per second. Nothing for all else, and for what is not above 0.
std::optional<double> parse_rate(std::string_view text);

}  // namespace drover::letters
