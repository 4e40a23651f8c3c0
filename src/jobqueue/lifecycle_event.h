// What happened to a job, as one record of the topic drover.events: its key is the job's id, its value JSON. Pure.
// Room: jobqueue.
//
// Written on the path of every job: one pass, no tree, nothing is allocated but in `out`. Times are whole milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::jobqueue {

enum class JobEvent {
    submitted,
    waiting,
    delayed,
    started,  // not of attempts that end soon: their end has `busy`
    progressed,
    retrying,
    completed,
    failed,  // dead-lettered
    cancelled,
    removed,  // from the view, by somebody
    log,
};

std::string_view job_event_name(JobEvent state);

// A view of a job keeps, of all its events, what the one with the highest (run, attempt, rank) says, whatever the order
// in which they come; of equals the latest. Of the ends of one attempt, completed counts most: once a worker was done,
// nothing that is told of the same attempt again undoes it. removed is about its whole run, whatever its attempt, and
// counts above all of it: only a higher run brings the job back. log says nothing about the state and is below all.
int rank(JobEvent state);

// Borrowed text; "" and 0 stand for nothing, except where a comment says otherwise.
struct LifecycleEvent {
    std::string_view queue;  // <namespace>.<name>
    std::string_view job_id;
    std::string_view type;
    JobEvent state = JobEvent::submitted;
    int run = 0;
    int attempt = 0;  // the one that it is about; of a job that waits the attempts made so far
    int max_attempts = 0;
    Time at{};
    std::string_view pod;

    std::string_view error_class;  // why it failed; "": there is no cause
    int error_status = 0;
    std::string_view error_message;

    std::optional<int> percent;  // 0 to 100
    std::string_view step;
    std::string_view message;           // of log: its lines, with line ends between them
    std::string_view level;             // of log
    std::uint64_t lines_left_out = 0;   // of log: before these
    std::string_view result;            // of completed the result, of progressed an intermediate one: any bytes
    std::string_view content_type;      // of the result; "": JSON, if it is
    std::uint64_t result_left_out = 0;  // its size, where it was over the limit

    std::optional<Time> due_at;  // of retrying and delayed
    std::optional<Time> submitted_at;
    std::string_view topic;  // where the job's record stands; "": nowhere yet
    int partition = 0;
    std::int64_t offset = 0;
    std::string_view labels;       // the header drover-labels
    std::optional<Duration> busy;  // how long the attempt kept a slot
    std::string_view callback;     // of an end: the header drover-callback, who wants to hear of it
    bool operator==(const LifecycleEvent&) const = default;
};

// Replaces what `out` holds, whose room is kept. A result of more than `max_result_bytes` is left out, and its size is
// told instead. Else it is "result", embedded, where it is JSON by its content type and in fact; "resultText" where it
// is UTF-8; or "resultBase64". Labels that are no JSON object are written as a string. Bytes of other fields that are
// not UTF-8 become U+FFFD. Parts of a millisecond are rounded down, of due_at up.
void write_lifecycle_event(const LifecycleEvent& event, std::size_t max_result_bytes, std::string& out);

// What was written. The views are valid as long as `json` and `storage`, which it fills and which must not be moved.
// Names that it does not know are a later version's and are passed over; what is missing or is not what its name says
// is an `invalid` Error that names it. Total.
Result<LifecycleEvent> parse_lifecycle_event(std::string_view json, std::string& storage);

}  // namespace drover::jobqueue
