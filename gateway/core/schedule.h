// Cron schedules: what a user says, what was run, and what is to run. Pure. Room: gateway/core.
//
// In drover.gateway, which all gateways read:
//   schedule/<queue>/<name>      the schedule as JSON, by whoever upserts it; a tombstone removes it
//   schedule-run/<queue>/<name>  what its owner has seen to. Written in the transaction of the jobs, here to be shown,
//                                and in drover.delayed, where the next owner goes by it.
//
// Each run's job id follows from the schedule's name and the planned time, and nothing else: the same run twice is the
// same job.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/cron/times.h"
#include "src/jobqueue/submission.h"

namespace drover::gateway {

inline constexpr std::string_view schedule_prefix = "schedule/";
inline constexpr std::string_view schedule_run_prefix = "schedule-run/";

// What becomes of runs that nobody could start within a minute of their time. Later ones run each, whatever this says.
enum class MissedRuns {
    run_once,  // the last of them, unless a later run is due anyway
    skip,      // none
    catch_up,  // each, at most the last `catch_up_limit`
};

struct Schedule {
    std::string queue;  // <namespace>.<name>
    std::string name;
    std::string cron;
    std::string time_zone;  // "": UTC
    MissedRuns missed_runs = MissedRuns::run_once;
    int catch_up_limit = 100;
    bool paused = false;  // runs of this time are not missed, they are not there
    std::string job;      // the body of a submit, as it was written
    std::string by;       // who upserted it
    Time at{};            // when, by the writer's clock: for people
    bool operator==(const Schedule&) const = default;
};

// The body of PUT /queues/{q}/schedules/{name}: {"cron","timeZone","missedRuns": "runOnce"|"skip"|"catchUp",
// "catchUpLimit","paused","job": {…}}. `job` is the body of a submit without delay, runAt, deadline and uniqueKey,
// which mean nothing here. `invalid` lists each problem with its field. Total.
Result<Schedule> parse_schedule(std::string_view queue, std::string_view name, std::string_view body);

// What the body said, with queue, name, by and at: for answers, and the record's value.
std::string schedule_json(const Schedule& schedule);

struct ScheduleMessage {  // for drover.gateway
    std::string key;
    std::optional<std::string> value;
    bool operator==(const ScheduleMessage&) const = default;
};
ScheduleMessage schedule_message(const Schedule& schedule);
ScheduleMessage schedule_removal(std::string_view queue, std::string_view name);

// `<queue>/<name>` of a key with either prefix; "" of any other.
std::string_view schedule_id(std::string_view key);

// What a schedule's owner has seen to.
struct ScheduleRun {
    std::string rule;                  // of the schedule that it is about: cron, time zone and whether it is paused
    Time since{};                      // all runs up to here are done, or not wanted
    std::optional<Time> last_planned;  // of the last job
    std::optional<Time> last_at;       // when that was
    std::string last_job_id;
    std::int64_t runs = 0;
    bool operator==(const ScheduleRun&) const = default;
};
std::string schedule_run_json(const ScheduleRun& run);
Result<ScheduleRun> parse_schedule_run(std::string_view json);

std::string rule_of(const Schedule& schedule);
std::string schedule_job_id(std::string_view queue, std::string_view name, Time planned);

// A schedule with its expression and zone read.
struct KnownSchedule {
    Schedule schedule;
    cron::Expression expression;
    cron::Zone zone;
    jobqueue::Submission job;
    Time told_at{};  // by the broker: the record's timestamp
};

// At most `count` planned times after `after`; none of a paused one.
std::vector<Time> next_runs(const KnownSchedule& schedule, Time after, int count);

// All schedules, as records of drover.gateway tell of them.
class ScheduleBook {
public:
    // A record whose key begins with one of the prefixes. `invalid`: it cannot be understood, and what was known stays.
    Result<void> apply(std::string_view key, std::optional<std::string_view> value, Time timestamp);

    const KnownSchedule* find(std::string_view queue, std::string_view name) const;
    const ScheduleRun* run_of(std::string_view queue, std::string_view name) const;
    // How many records were about it, to see whether one came meanwhile.
    std::uint64_t records_of(std::string_view queue, std::string_view name) const;
    std::vector<const KnownSchedule*> of_queue(std::string_view queue) const;  // by name
    // By <queue>/<name>.
    const std::map<std::string, KnownSchedule, std::less<>>& all() const { return schedules_; }

private:
    std::map<std::string, KnownSchedule, std::less<>> schedules_;
    std::map<std::string, ScheduleRun, std::less<>> runs_;
    std::map<std::string, std::uint64_t, std::less<>> records_;
};

// What is to be done about a schedule at `now`, by the brokers' clock.
struct DueRuns {
    std::vector<Time> planned;  // a job each, oldest first
    ScheduleRun run;            // what to write with them
    bool changed = false;       // there is something to write, jobs or not
    std::optional<Time> again;  // look again then; nothing: no run ever comes
};
// `run`: as it was written last; nothing: never. At most `most` jobs at once; `again` is at once where there are more.
DueRuns due_runs(const KnownSchedule& schedule, const std::optional<ScheduleRun>& run, Time now, int most = 100);

// The job of one run: `job` with its id, ready for order_of().
jobqueue::Submission job_of(const KnownSchedule& schedule, Time planned);

}  // namespace drover::gateway
