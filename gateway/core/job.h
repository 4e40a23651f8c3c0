// A job as the view of all jobs knows it, and what can be asked about many. Values only. Room: gateway/core.
//
// Times are whole milliseconds of the brokers' clock, as events have them; "" and nothing stand for what is not known.
// Text is UTF-8 and may hold any character, NUL too.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/time.h"
#include "src/jobqueue/lifecycle_event.h"

namespace drover::gateway {

// Where a job stands. Of `unknown` only log lines are known yet, `removed` was deleted by somebody: neither is listed,
// counted or found.
enum class JobState { unknown, waiting, delayed, active, retrying, completed, failed, cancelled, removed };

inline constexpr std::array visible_states{JobState::waiting,  JobState::delayed,   JobState::active,
                                           JobState::retrying, JobState::completed, JobState::failed,
                                           JobState::cancelled};

std::string_view state_name(JobState state);
// Also "pending" and "processing", the older words for waiting and active.
std::optional<JobState> parse_state(std::string_view name);
// Completed, failed or cancelled: nothing more happens in this run.
bool is_finished(JobState state);

// Ids of different queues may be equal.
struct JobKey {
    std::string queue;  // <namespace>.<name>
    std::string id;
    auto operator<=>(const JobKey&) const = default;
};

struct JobError {
    std::string error_class;
    int status = 0;  // HTTP status; 0: there was no answer
    std::string message;
    bool operator==(const JobError&) const = default;
};

// What the worker said last, each thing for itself.
struct JobProgress {
    std::optional<int> percent;
    std::optional<Time> percent_at;  // from which, with started_at, the rest can be estimated
    std::string step, message;
    bool operator==(const JobProgress&) const = default;
};

struct JobResult {
    enum class Kind { none, json, text, bytes, left_out };
    Kind kind = Kind::none;
    std::string content;         // of left_out: ""
    std::string content_type;    // "": none was given
    std::uint64_t left_out = 0;  // of left_out: its size
    auto operator<=>(const JobResult&) const = default;
};

struct Job {
    JobKey key;
    JobState state = JobState::unknown;
    Time since{};  // when it came into this state
    std::string type;
    int run = 0;
    int attempt = 0;  // the one it is in or ended with; of a job that waits the attempts made so far
    int max_attempts = 0;

    Time submitted_at{};                   // or when it was first heard of
    std::optional<Time> first_started_at;  // of this run
    std::optional<Time> started_at;        // of this attempt
    std::optional<Time> finished_at;
    std::optional<Time> due_at;  // of retrying and delayed
    Time updated_at{};
    std::optional<Duration> busy;  // how long the attempt that ended last kept a slot; microseconds

    std::string pod;
    std::optional<JobError> error;        // of this run's last attempt that failed; nothing once it completed
    std::optional<JobProgress> progress;  // of this attempt
    JobResult result;                     // of completed; in a list and in changes: without its content
    std::string labels;                   // JSON object, or the text that somebody wrote instead
    std::string topic;                    // where the job first stood in this run
    int partition = 0;
    std::int64_t offset = 0;
    bool operator==(const Job&) const = default;
};

// One step of a job's history. Of short attempts there is no `started`: the end's `at` less `busy` is when they began.
struct Transition {
    int run = 0;
    int attempt = 0;
    jobqueue::JobEvent event = jobqueue::JobEvent::submitted;  // not progressed, not log
    Time at{};
    std::string pod;
    std::optional<JobError> error;
    std::optional<Time> due_at;
    std::optional<Duration> busy;
    bool operator==(const Transition&) const = default;
};

struct LogEntry {
    int run = 0;
    int attempt = 0;
    Time at{};
    std::string level, lines;          // with line ends between the lines
    std::uint64_t lines_left_out = 0;  // before these
    bool operator==(const LogEntry&) const = default;
};

struct IntermediateResult {
    int run = 0;
    int attempt = 0;
    Time at{};
    JobResult result;
    bool operator==(const IntermediateResult&) const = default;
};

// A job with all that is kept beside it.
struct JobDetail {
    Job job;
    std::vector<IntermediateResult> intermediate;  // of this run, oldest first, the newest 16
    bool operator==(const JobDetail&) const = default;
};

// All that is given has to hold.
struct JobFilter {
    std::string queue;             // "": of all queues
    std::vector<JobState> states;  // empty: all
    std::string type;
    std::string error_class;
    std::string label;  // name=value; or a name, with any value
    std::string text;   // is in the id, type, error or labels; A to Z in either case
    std::optional<Time> submitted_from, submitted_before;
};

struct JobPage {
    std::vector<Job> jobs;  // newest submission first
    // Where to go on, opaque; "": there is no more. It stays good while jobs come and go, and for another filter too.
    // A page may be short, or empty, and still have one: a filter by type, error, label or text looks at a limited
    // number of jobs for a page.
    std::string cursor;
};

// By state; states without jobs may be missing.
using StateCounts = std::map<JobState, std::int64_t>;
using QueueCounts = std::map<std::string, StateCounts>;

// What is known of the time that something takes, over many.
struct TimeFigures {
    std::int64_t count = 0;
    Duration mean{}, p50{}, p95{}, p99{};
    bool operator==(const TimeFigures&) const = default;
};

struct MinuteFigures {
    Time minute{};  // its beginning
    std::int64_t completed = 0, failed = 0, cancelled = 0, retried = 0;
    bool operator==(const MinuteFigures&) const = default;
};

// What happened in a queue in a stretch of time. Jobs that were removed are not in it; those that retention took are.
struct QueueFigures {
    std::vector<MinuteFigures> minutes;  // those in which something happened, oldest first
    MinuteFigures total;
    TimeFigures run;                             // of completed attempts: how long they kept a slot
    TimeFigures wait;                            // of each run's first attempt: from when it could begin to when it did
    std::map<std::string, std::int64_t> errors;  // failed attempts by error class
    std::map<std::string, TimeFigures> types;    // `run` by job type
};

// What happened in a queue lately, of whole minutes.
struct QueuePulse {
    MinuteFigures total;
    Duration mean_run{}, mean_wait{};    // 0: nothing ran
    std::optional<Time> oldest_waiting;  // since when the job waits that has waited longest
    bool operator==(const QueuePulse&) const = default;
};

// How long to keep what; nothing: for ever.
struct QueueRetention {
    std::optional<Duration> completed_age;  // of cancelled jobs too
    std::optional<std::int64_t> completed_count;
    std::optional<Duration> failed_age;
};

}  // namespace drover::gateway
