#include "gateway/core/job_record.h"

#include <algorithm>
#include <tuple>

#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway {
namespace {

using jobqueue::JobEvent;
using jobqueue::LifecycleEvent;

template <class T>
void keep_least(std::optional<T>& kept, const T& value) {
    if (!kept || value < *kept) kept = value;
}

template <class T>
void keep_greatest(std::optional<T>& kept, T value) {
    if (!kept || *kept < value) kept = std::move(value);
}

std::optional<JobError> error_of(const LifecycleEvent& event) {
    if (event.error_class.empty()) return std::nullopt;
    return JobError{.error_class = std::string(event.error_class),
                    .status = event.error_status,
                    .message = jobqueue::clean_text(event.error_message, longest_error_message)};
}

Transition transition_of(const LifecycleEvent& event) {
    return {.run = event.run,
            .attempt = event.attempt,
            .event = event.state,
            .at = event.at,
            .pod = std::string(event.pod),
            .error = error_of(event),
            .due_at = event.due_at,
            .busy = event.busy};
}

bool precedes(const Transition& a, const Transition& b) { return order(a, b) < 0; }

void add_transition(std::vector<Transition>& transitions, Transition transition) {
    const auto place = std::ranges::lower_bound(transitions, transition, precedes);
    if (place != transitions.end() && order(*place, transition) == 0) return;
    transitions.insert(place, std::move(transition));
    if (transitions.size() > most_transitions) transitions.erase(transitions.begin());
}

void add_progress(Trail& trail, const Stamp& stamp, const LifecycleEvent& event) {
    keep_greatest(trail.progressed, Said<std::string>{stamp, std::string(event.pod)});
    if (event.percent) keep_greatest(trail.percent, Said<int>{stamp, *event.percent});
    if (!event.step.empty()) keep_greatest(trail.step, Said<std::string>{stamp, std::string(event.step)});
    if (!event.message.empty()) keep_greatest(trail.message, Said<std::string>{stamp, std::string(event.message)});
}

JobState state_after(JobEvent event) {
    switch (event) {
        case JobEvent::submitted:
        case JobEvent::waiting: return JobState::waiting;
        case JobEvent::delayed: return JobState::delayed;
        case JobEvent::started:
        case JobEvent::progressed: return JobState::active;
        case JobEvent::retrying: return JobState::retrying;
        case JobEvent::completed: return JobState::completed;
        case JobEvent::failed: return JobState::failed;
        case JobEvent::cancelled: return JobState::cancelled;
        case JobEvent::removed:
        case JobEvent::log: break;  // neither is a transition
    }
    return JobState::unknown;
}

template <class T>
void drop_removed(std::optional<Said<T>>& said, int run) {
    if (said && said->stamp.run <= run) said.reset();
}

void drop_removed_runs(Trail& trail) {
    if (!trail.removed) return;
    const int run = trail.removed->run;
    std::erase_if(trail.transitions, [run](const Transition& transition) { return transition.run <= run; });
    drop_removed(trail.progressed, run);
    drop_removed(trail.percent, run);
    drop_removed(trail.step, run);
    drop_removed(trail.message, run);
    drop_removed(trail.result, run);
    drop_removed(trail.place, run);
}

// What the newest event says, be it a transition or a word of progress.
struct Head {
    int run = 0;
    int attempt = 0;
    JobEvent event = JobEvent::log;
    Time at{};

    auto key() const { return std::tuple(run, attempt, rank(event)); }
};

Head head_of(const Trail& trail) {
    Head head;
    if (!trail.transitions.empty()) {
        const Transition& last = trail.transitions.back();
        head = {last.run, last.attempt, last.event, last.at};
    }
    if (trail.progressed) {
        const Stamp& stamp = trail.progressed->stamp;
        const Head progress{stamp.run, stamp.attempt, JobEvent::progressed, stamp.at};
        if (trail.transitions.empty() || head.key() < progress.key()) head = progress;
    }
    return head;
}

bool is_of(const Stamp& stamp, const Head& head) { return stamp.run == head.run && stamp.attempt == head.attempt; }

void read_transitions(const Trail& trail, const Head& head, Job& job) {
    for (const Transition& transition : trail.transitions) {
        job.updated_at = std::max(job.updated_at, transition.at);
        if (transition.run != head.run) continue;
        const std::optional<Time> start = start_of(transition);
        if (start) keep_least(job.first_started_at, *start);
        if (transition.busy) job.busy = transition.busy;
        if (transition.error) job.error = transition.error;
        if (transition.attempt != head.attempt) continue;
        if (start) keep_least(job.started_at, *start);
        if (!transition.pod.empty()) job.pod = transition.pod;
    }
}

void read_progress(const Trail& trail, const Head& head, Job& job) {
    if (!trail.progressed) return;
    job.updated_at = std::max(job.updated_at, trail.progressed->stamp.at);
    if (!is_of(trail.progressed->stamp, head)) return;
    if (job.pod.empty()) job.pod = trail.progressed->value;
    JobProgress progress;
    if (trail.percent && is_of(trail.percent->stamp, head)) {
        progress.percent = trail.percent->value;
        progress.percent_at = trail.percent->stamp.at;
    }
    if (trail.step && is_of(trail.step->stamp, head)) progress.step = trail.step->value;
    if (trail.message && is_of(trail.message->stamp, head)) progress.message = trail.message->value;
    if (progress != JobProgress{}) job.progress = std::move(progress);
}

// Of a completed job: the content goes from the trail to the job and back with it.
void show_result(const Trail& trail, const Head& head, Job& job) {
    if (job.state == JobState::completed && trail.result && is_of(trail.result->stamp, head)) {
        job.result = trail.result->value;
    }
}

}  // namespace

std::strong_ordering order(const Transition& a, const Transition& b) {
    const auto key = [](const Transition& t) { return std::tuple(t.run, t.attempt, rank(t.event), t.at); };
    if (const auto first = key(a) <=> key(b); first != 0) return first;
    const auto rest = [](const Transition& t) {
        static const JobError none;
        const JobError& error = t.error ? *t.error : none;
        return std::tuple<const std::string&, const std::string&, int, const std::string&, const std::optional<Time>&,
                          const std::optional<Duration>&>(t.pod, error.error_class, error.status, error.message,
                                                          t.due_at, t.busy);
    };
    return rest(a) <=> rest(b);
}

void merge(JobRecord& record, const LifecycleEvent& event) {
    Job& job = record.job;
    Trail& trail = record.trail;
    const Stamp stamp{event.run, event.attempt, event.at};
    if (job.type < event.type) job.type = event.type;
    if (job.labels < event.labels) job.labels = event.labels;
    job.max_attempts = std::max(job.max_attempts, event.max_attempts);
    keep_least(trail.heard_at, event.at);
    if (event.submitted_at) keep_least(trail.submitted_at, *event.submitted_at);
    if (event.state == JobEvent::submitted && event.run == 0) keep_least(trail.submitted_at, event.at);
    if (!event.topic.empty()) {
        keep_greatest(trail.place, {{event.run, 0, Time{}}, {std::string(event.topic), event.partition, event.offset}});
    }
    switch (event.state) {
        case JobEvent::log: break;
        case JobEvent::removed: keep_greatest(trail.removed, Stamp{event.run, 0, event.at}); break;
        case JobEvent::progressed: add_progress(trail, stamp, event); break;
        default: add_transition(trail.transitions, transition_of(event));
    }
    if (event.state == JobEvent::completed) keep_greatest(trail.result, {stamp, result_of(event)});
}

void settle(JobRecord& record) {
    Trail& trail = record.trail;
    drop_removed_runs(trail);
    Job job{.key = std::move(record.job.key),
            .type = std::move(record.job.type),
            .max_attempts = record.job.max_attempts,
            .labels = std::move(record.job.labels)};
    const Time heard_at = trail.heard_at.value_or(Time{});
    job.submitted_at = trail.submitted_at.value_or(heard_at);
    const Head head = head_of(trail);
    job.state = state_after(head.event);
    job.run = head.run;
    job.attempt = head.attempt;
    if (job.state == JobState::unknown) {
        job.since = job.updated_at = heard_at;
        if (trail.removed) {
            job.state = JobState::removed;
            job.run = trail.removed->run;
            job.since = job.updated_at = trail.removed->at;
        }
        record.job = std::move(job);
        return;
    }
    read_transitions(trail, head, job);
    read_progress(trail, head, job);
    job.since = job.state == JobState::active ? job.started_at.value_or(head.at) : head.at;
    if (is_finished(job.state)) job.finished_at = head.at;
    if (job.state == JobState::completed) job.error.reset();
    if (job.state == JobState::retrying || job.state == JobState::delayed) job.due_at = trail.transitions.back().due_at;
    show_result(trail, head, job);
    if (trail.place) {
        job.topic = trail.place->value.topic;
        job.partition = trail.place->value.partition;
        job.offset = trail.place->value.offset;
    }
    record.job = std::move(job);
}

bool is_removed(const JobRecord& record, int run) { return record.trail.removed && run <= record.trail.removed->run; }

JobResult result_of(const LifecycleEvent& event) {
    using Kind = JobResult::Kind;
    JobResult result{.content_type = std::string(event.content_type), .left_out = event.result_left_out};
    if (event.result_left_out > 0) {
        result.kind = Kind::left_out;
    } else if (!event.result.empty()) {
        const bool says_json = event.content_type.empty() || jobqueue::is_json_type(event.content_type);
        result.kind = says_json && jobqueue::json_fault(event.result).empty() ? Kind::json
                      : jobqueue::find_invalid_utf8(event.result)             ? Kind::bytes
                                                                              : Kind::text;
        result.content = event.result;
    }
    return result;
}

std::optional<Time> start_of(const Transition& transition) {
    if (transition.event == JobEvent::started) return transition.at;
    if (transition.busy) return std::chrono::floor<std::chrono::milliseconds>(transition.at - *transition.busy);
    return std::nullopt;
}

}  // namespace drover::gateway
