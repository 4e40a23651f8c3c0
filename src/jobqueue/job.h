// A job as its Kafka record carries it: payload untouched in the value, ordering key in the key, the rest in headers.
// Room: jobqueue.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::jobqueue {

namespace header {
inline constexpr std::string_view job_id = "drover-job-id";
inline constexpr std::string_view type = "drover-type";
inline constexpr std::string_view run = "drover-run";
inline constexpr std::string_view attempt = "drover-attempt";
inline constexpr std::string_view hops = "drover-hops";
inline constexpr std::string_view max_attempts = "drover-max-attempts";
inline constexpr std::string_view priority = "drover-priority";
inline constexpr std::string_view due_at = "drover-due-at";
inline constexpr std::string_view deadline = "drover-deadline";
inline constexpr std::string_view timeout = "drover-timeout";
inline constexpr std::string_view submitted_at = "drover-submitted-at";
inline constexpr std::string_view unique_key = "drover-unique-key";
inline constexpr std::string_view callback = "drover-callback";
inline constexpr std::string_view labels = "drover-labels";
inline constexpr std::string_view content_type = "content-type";
inline constexpr std::string_view traceparent = "traceparent";
inline constexpr std::string_view original_topic = "drover-original-topic";
inline constexpr std::string_view original_partition = "drover-original-partition";
inline constexpr std::string_view original_offset = "drover-original-offset";
inline constexpr std::string_view original_timestamp = "drover-original-timestamp";
inline constexpr std::string_view attempts = "drover-attempts";
inline constexpr std::string_view error_class = "drover-error-class";
inline constexpr std::string_view error_message = "drover-error-message";  // of a retry; a dead letter has dlq_message
inline constexpr std::string_view error_status = "drover-error-status";
inline constexpr std::string_view error_response = "drover-error-response";
inline constexpr std::string_view failed_at = "drover-failed-at";
// "true" in a dead letter without the payload and the user's headers, which were too large for its topic.
inline constexpr std::string_view payload_left_out = "drover-payload-left-out";
inline constexpr std::string_view dlq_topic = "__dlq.errors.topic";
inline constexpr std::string_view dlq_partition = "__dlq.errors.partition";
inline constexpr std::string_view dlq_offset = "__dlq.errors.offset";
inline constexpr std::string_view dlq_group = "__dlq.errors.group";
inline constexpr std::string_view dlq_delivery_count = "__dlq.errors.delivery.count";
inline constexpr std::string_view dlq_message = "__dlq.errors.message";
}  // namespace header

// Where a record stands in Kafka. `timestamp` is the broker's or the producer's, by the topic's setting.
struct Origin {
    std::string_view topic;
    int partition = 0;
    std::int64_t offset = 0;
    Time timestamp{};
};

// What a record's headers say about its job. The views live as long as the record.
struct JobHeaders {
    std::string_view id;  // "" when the record has none: its id follows from its coordinates, see job_id()
    std::string_view type;
    std::string_view priority;
    std::string_view content_type;
    std::string_view traceparent;
    std::string_view attempts;  // the JSON list of earlier attempts, or ""
    int run = 0;
    int attempts_made = 0;
    int hops = 0;                     // how often it went on to a retry step without a try, since the last one
    std::optional<int> max_attempts;  // of the job, where it differs from the queue's
    std::optional<Time> due_at;
    std::optional<Time> deadline;
    std::optional<Duration> timeout;
    std::optional<Time> submitted_at;
    std::optional<Origin> original;  // of a retry: where the job first stood
};

// Reads the headers that Drover knows; of a repeated name the last counts, as Kafka's lastHeader() does. A value that
// cannot be what its name says is an `invalid` Error that names the header. Total for any bytes.
Result<JobHeaders> parse_job_headers(std::span<const FieldView> headers);

// The same without those that cannot be read: for records that failed for that very reason. Total.
JobHeaders readable_job_headers(std::span<const FieldView> headers);

// True for the headers that Drover writes itself, drover-* and __dlq.*: they are not the user's.
bool is_drover_header(std::string_view name);

// The job's id: the given one; of a CloudEvent a hash of its source and id; else <topic>-<partition>-<offset> of where
// the job first stood.
std::string job_id(const JobHeaders& headers, std::span<const FieldView> fields, const Origin& record);

// A fresh id: UUIDv7 of `now` with 62 random bits from `random`. Ids sort by their microsecond.
std::string new_job_id(Time now, std::uint64_t random);

// The id that follows from a name: UUIDv5. Whoever names a thing anew has the same id.
std::string named_job_id(std::string_view name);

// What became of one attempt; a dead letter carries all of them as the JSON of drover-attempts.
struct AttemptRecord {
    int attempt = 1;
    Time at{};
    std::string pod;
    std::string outcome;  // the error class, e.g. "Timeout"
};

// Why a job failed, or failed for now.
struct Cause {
    std::string error_class;  // CamelCase, short: Timeout, Http500, ConnectionCut, UnparseableChangelog
    std::string message;      // one line for a person
    int status = 0;           // HTTP status, 0 when there was no answer
    std::string response;     // excerpt of the answer's body
    bool operator==(const Cause&) const = default;
};

// The headers of the record that carries the job on. `fields` are the source record's. Other headers than Drover's
// are kept as they are, in order; those named here are set.
// A retry: attempt, due time, original coordinates, the list of attempts so far, the last cause.
std::vector<Field> retry_headers(std::span<const FieldView> fields, const JobHeaders& job, const Origin& record,
                                 std::string_view id, int attempts_made, Time due_at, const Cause& cause,
                                 const AttemptRecord* attempt);
// A dead letter: the same and Kafka's own names (KIP-1191), the causes cut at 16 KiB together.
std::vector<Field> dead_letter_headers(std::span<const FieldView> fields, const JobHeaders& job, const Origin& record,
                                       std::string_view id, std::string_view group, int attempts_made, Time failed_at,
                                       const Cause& cause, const AttemptRecord* attempt);
// A dead letter's job once more, as run `run`, with no attempt made. What the failure added goes; so do a deadline that
// is over and headers that cannot be read, with which it would only die again.
std::vector<Field> redrive_headers(std::span<const FieldView> fields, std::string_view id, int run, Time now);

}  // namespace drover::jobqueue
