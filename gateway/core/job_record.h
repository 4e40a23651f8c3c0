// How the events of a job come to what the view keeps of it. Pure. Room: gateway/core.
//
// A record is what a set of events says, and any order of them, and any of them again, gives the same record. So each
// part of it is a maximum or a minimum, or a set of which the newest are kept:
//   - transitions, in the order of run, attempt, rank of the event, time and, where all of that is equal, the rest. The
//     last one is what the job's state, pod, due time and end are read from;
//   - what was told of the progress, each thing the latest of its run and attempt;
//   - the result, of the latest completion;
//   - the type, labels and number of attempts, which do not change in a job's life: where events differ the greater
//   counts;
//   - the time of submission, the earliest;
//   - the highest run that was removed, of which and of those below it nothing is kept.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "gateway/core/job.h"
#include "src/base/time.h"
#include "src/jobqueue/lifecycle_event.h"

namespace drover::gateway {

inline constexpr std::size_t most_transitions = 200;
inline constexpr std::size_t longest_error_message = 16 * 1024;  // as in a dead letter

// When something was said, of which attempt.
struct Stamp {
    int run = 0;
    int attempt = 0;
    Time at{};
    auto operator<=>(const Stamp&) const = default;
};

template <class T>
struct Said {
    Stamp stamp;
    T value{};
    auto operator<=>(const Said&) const = default;
};

struct Place {
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    auto operator<=>(const Place&) const = default;
};

// What is needed to take in further events, beside the job that follows from it.
struct Trail {
    std::vector<Transition> transitions;          // sorted, each once
    std::optional<Said<std::string>> progressed;  // by which pod
    std::optional<Said<int>> percent;
    std::optional<Said<std::string>> step, message;
    std::optional<Said<JobResult>> result;
    std::optional<Said<Place>> place;
    std::optional<Time> submitted_at;  // by whom knew it
    std::optional<Time> heard_at;      // the earliest event
    std::optional<Stamp> removed;
    bool operator==(const Trail&) const = default;
};

struct JobRecord {
    Job job;
    Trail trail;
    bool operator==(const JobRecord&) const = default;
};

std::strong_ordering order(const Transition& a, const Transition& b);

// Takes in an event of this job. The job is not up to date before settle().
void merge(JobRecord& record, const jobqueue::LifecycleEvent& event);
// What follows from all events so far. Where the job's state is `unknown` or `removed` there is no job to show.
void settle(JobRecord& record);

// Whether something of that run was told in vain: the run was removed.
bool is_removed(const JobRecord& record, int run);

// What kind of result an event carries.
JobResult result_of(const jobqueue::LifecycleEvent& event);

// When the attempt of a transition began, as far as it says so.
std::optional<Time> start_of(const Transition& transition);

}  // namespace drover::gateway
