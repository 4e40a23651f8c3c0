// How many replicas a queue's workers should have. Pure: figures and the time in, a decision out. Room: operator/core.
//
//   desired = the larger of  λ × s ÷ concurrency − 0.7
//                       and  backlog ÷ (targetWait ÷ 3 + s) × s ÷ concurrency,  rounded up
//
// λ is the arrival rate, smoothed over 30 s; s the time a job keeps a slot busy, likewise. The first line keeps up with
// what arrives, with one replica more only where it would be busy for 0.7 of its time: less than that shows in the
// backlog long before a job is late. The second is Little's law: whoever finishes backlog ÷ (w + s) jobs a second lets
// the last of them wait w. Jobs in flight are part of the backlog, and need no second slot. w is a third of targetWait,
// since figures are late and pods take time to start. Not the sum of the two lines: a job waits for those before it,
// not for those behind it.
//
// While s is unknown, desired is ceil(backlog ÷ targetLag). Out at once, in only to the largest wish of the last
// `scale_in_window`, to 0 only after `idle_after` without anything to do. What a figure that could not be read would
// decide is held. A schedule that is open raises the minimum. The constants were tried with `make simulate`.
//
// All functions are total: any value has a defined answer. Times lie within the years 0 to 9999.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/time.h"
#include "src/jobqueue/queue_figures.h"
#include "src/jobqueue/resource.h"

namespace drover::operator_core {

// What the user asked for; constant while the JobQueue is.
struct ScalingPolicy {
    int min_replicas = 0;
    int max_replicas = 20;
    Duration target_wait = std::chrono::seconds(30);      // how long a job may wait for a free slot
    int target_lag = 100;                                 // jobs a replica, while s is unknown
    Duration idle_after = std::chrono::seconds(60);       // nothing to do for this long: no replicas
    Duration scale_in_window = std::chrono::seconds(60);  // 0 follows every figure at once
    int concurrency = 8;                                  // slots of one replica
    std::optional<jobqueue::Rate> rate_limit;             // of the whole queue: more replicas than it feeds are idle
    std::vector<jobqueue::ScalingSchedule> schedules;     // of other minimums

    bool operator==(const ScalingPolicy&) const = default;
};
ScalingPolicy scaling_policy_of(const jobqueue::JobQueue& queue);
// When a schedule opens or closes next, which no figure tells of.
std::optional<Time> next_scheduled_change(const ScalingPolicy& policy, Time now);

// What is known now. An empty optional is "could not be read", which is not the same as 0.
struct Observation {
    int replicas = 0;               // as last asked for (a Deployment's spec.replicas), not as many as are ready
    std::optional<int> partitions;  // of the main topic; none, or less than 1, while there is no topic

    // Unfinished jobs, waiting, due or in flight: the sum of `jobqueue::backlog_of` over the lanes and over the due
    // part of the retry topics.
    std::optional<std::int64_t> backlog;
    // Sum of the lanes' end offsets (retry topics are not arrivals). λ comes from successive ones.
    std::optional<std::int64_t> end_offsets;
    // From the commits' metadata; zeros, not nothing, where there is no commit yet.
    std::optional<jobqueue::BusyCounters> busy;
    // Records of the retry topics that are not due yet but will be within `idle_after`.
    std::optional<std::int64_t> retries_due_soon;
    // Jobs that workers have now, where the caller knows (the local runner does). 0 is safe: backlog counts them too.
    std::int64_t in_flight = 0;
    bool paused = false;  // by any source

    bool operator==(const Observation&) const = default;
};

// What scaling remembers from one decision to the next: a value of bounded size that lives in the resource's status,
// so that another leader goes on where this one stopped. A default one is right for a queue never seen before.
struct Memory {
    // The largest wish of one slice of the window (a twelfth of it).
    struct Wish {
        Time slice;
        int replicas = 0;
        bool operator==(const Wish&) const = default;
    };
    double arrival_rate = 0;                  // λ, jobs a second
    std::optional<std::int64_t> end_offsets;  // as last read, at `end_offsets_at`
    Time end_offsets_at;

    std::optional<double> service_seconds;       // s
    double service_weight = 0;                   // how many completions s stands for; old ones fade
    std::optional<jobqueue::BusyCounters> busy;  // as last counted into s, at `busy_at`
    Time busy_at;

    std::optional<Time> last_busy;  // when there was last something to do
    std::vector<Wish> wishes;       // by slice, oldest first, at most 14

    bool operator==(const Memory&) const = default;
};

struct Decision {
    int replicas = 0;
    std::string reason;   // one CamelCase word, for a condition or an event
    std::string message;  // one sentence with the figures, for people
    Memory next;

    bool operator==(const Decision&) const = default;
};

// The result lies within [min, max(min, min(max, partitions))], where min is minReplicas or an open schedule's.
Decision decide(const ScalingPolicy& policy, const Observation& seen, const Memory& memory, Time now);

}  // namespace drover::operator_core
