// A dead letter as people ask about it, and which ones they ask for. Pure. Room: letters.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/field.h"
#include "src/base/time.h"
#include "src/jobqueue/job.h"

namespace drover::letters {

// A record of the dead-letter topic, borrowed.
struct LetterRecord {
    std::string_view topic;
    int partition = 0;
    std::int64_t offset = 0;
    Time timestamp{};
    std::optional<std::string_view> key, value;
    std::span<const FieldView> fields;
};

// Where a dead letter stands in its topic: partition, offset.
using LetterPlace = std::pair<int, std::int64_t>;

// That a dead letter was redriven.
struct RedrivenMark {
    int run = 0;
    Time at{};
    std::string by;
    bool operator==(const RedrivenMark&) const = default;
};

// Where the job stood when it was submitted.
struct LetterOrigin {
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    Time timestamp{};
    bool operator==(const LetterOrigin&) const = default;
};

// What it says, but for payload, key and the user's headers. Texts may be any bytes.
struct DeadLetter {
    int partition = 0;  // where it stands
    std::int64_t offset = 0;
    std::string job_id;
    std::string type;
    std::string error_class;  // "" where nobody said
    std::string message;
    std::string status;
    std::string response;
    std::string group;
    Time failed_at{};  // when it was written, where it does not say
    int run = 0;
    int attempts_made = 0;
    std::vector<jobqueue::AttemptRecord> attempts;
    std::optional<LetterOrigin> origin;
    std::optional<Time> submitted_at;  // or when the job's record was written, where it does not say
    std::string labels;                // as they are written
    bool payload_left_out = false;
    bool operator==(const DeadLetter&) const = default;
};

// Total: anybody may write to the topic.
DeadLetter read_dead_letter(const LetterRecord& record);

struct DeadLetterFilter {
    std::vector<std::string> jobs;     // ids; none: any
    std::vector<std::string> errors;   // classes; none: any
    std::string type;                  // "": any
    std::optional<Time> since, until;  // of the failure; `until` itself does not belong to it
    bool matches(const DeadLetter& letter) const;
};

// "24h" is so long before now; else an RFC 3339 time. Nothing: neither.
std::optional<Time> parse_moment(std::string_view text, Time now);

}  // namespace drover::letters
