#include "gateway/core/minute_record.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "gateway/core/json_object.h"

namespace drover::gateway {
namespace {

using jobqueue::JobEvent;
using jobqueue::JsonParts;
using jobqueue::JsonValue;

constexpr std::size_t most_names = 100;

// Where `name` is counted.
template <class Value>
Value& slot(std::map<std::string, Value>& by_name, const std::string& name) {
    if (by_name.size() < most_names || by_name.contains(name)) return by_name[name];
    return by_name[""];
}

// One attempt's transitions. Returns whether there was a retry, which a later completion of the same attempt undoes.
void count_attempt(std::span<const Transition> attempt, const std::string& type, int times, MinuteRecords& minutes) {
    const Transition& last = attempt.back();
    const auto end = [&]() -> MinuteRecord& { return minutes[minute_of(last.at)]; };
    if (last.event == JobEvent::completed) {
        end().completed += times;
        if (last.busy) slot(end().run_by_type, type).add(*last.busy, times);
        return;
    }
    const auto retry = std::ranges::find(attempt, JobEvent::retrying, &Transition::event);
    if (retry != attempt.end()) {
        MinuteRecord& minute = minutes[minute_of(retry->at)];
        minute.retried += times;
        if (retry->error) slot(minute.errors, retry->error->error_class) += times;
    }
    if (last.event == JobEvent::cancelled) end().cancelled += times;
    if (last.event == JobEvent::failed) {
        end().failed += times;
        if (last.error) slot(end().errors, last.error->error_class) += times;
    }
}

// From when a run's first attempt could begin.
std::optional<Time> ready_at(std::span<const Transition> run, const JobRecord& record) {
    std::optional<Time> ready;
    for (const Transition& transition : run) {
        if (transition.event == JobEvent::delayed && transition.due_at) return transition.due_at;
        const bool waits = transition.event == JobEvent::submitted || transition.event == JobEvent::waiting;
        if (waits && (!ready || transition.at < *ready)) ready = transition.at;
    }
    if (!ready && run.front().run == 0) ready = record.trail.submitted_at;
    return ready;
}

void count_wait(std::span<const Transition> run, const JobRecord& record, int times, MinuteRecords& minutes) {
    std::optional<Time> started;
    for (const Transition& transition : run) {
        const std::optional<Time> start = start_of(transition);
        if (start && (!started || *start < *started)) started = start;
    }
    const std::optional<Time> ready = ready_at(run, record);
    if (started && ready) minutes[minute_of(*started)].wait.add(*started - *ready, times);
}

template <class Same, class Each>
void each_stretch(std::span<const Transition> transitions, Same same, Each each) {
    for (std::size_t begin = 0, end = 0; begin < transitions.size(); begin = end) {
        while (end < transitions.size() && same(transitions[begin], transitions[end])) ++end;
        each(transitions.subspan(begin, end - begin));
    }
}

template <class Value, class Read>
bool read_named(const JsonValue& value, std::map<std::string, Value>& out, Read read_one) {
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        return read_one(member, out[std::string(name)]);
    });
}

}  // namespace

void MinuteRecord::add(const MinuteRecord& other) {
    completed += other.completed;
    failed += other.failed;
    cancelled += other.cancelled;
    retried += other.retried;
    wait.add(other.wait);
    for (const auto& [type, spread] : other.run_by_type) slot(run_by_type, type).add(spread);
    for (const auto& [name, count] : other.errors) slot(errors, name) += count;
    std::erase_if(run_by_type, [](const auto& entry) { return entry.second.is_empty(); });
    std::erase_if(errors, [](const auto& entry) { return entry.second == 0; });
}

bool MinuteRecord::is_empty() const { return *this == MinuteRecord{}; }

void append_minute_json(std::string& out, const MinuteRecord& minute) {
    ObjectWriter object(out);
    object.number("completed", minute.completed);
    object.number("failed", minute.failed);
    object.number("cancelled", minute.cancelled);
    object.number("retried", minute.retried);
    object.name("wait");
    minute.wait.append_json(out);
    object.name("runByType");
    {
        ObjectWriter types(out);
        for (const auto& [type, spread] : minute.run_by_type) {
            types.name(type);
            spread.append_json(out);
        }
    }
    object.name("errors");
    ObjectWriter errors(out);
    for (const auto& [name, count] : minute.errors) {
        errors.name(name);
        jobqueue::append_json_number(out, count);
    }
}

bool read_minute_json(std::string_view json, MinuteRecord& minute) {
    const auto value = jobqueue::read_json(json);
    return value && read_members(*value, [&](std::string_view name, const JsonValue& member) {
               if (name == "completed") return read(member, minute.completed);
               if (name == "failed") return read(member, minute.failed);
               if (name == "cancelled") return read(member, minute.cancelled);
               if (name == "retried") return read(member, minute.retried);
               if (name == "wait") return TimeSpread::read(member, minute.wait);
               if (name == "runByType") return read_named(member, minute.run_by_type, TimeSpread::read);
               if (name == "errors") {
                   return read_named(member, minute.errors,
                                     [](const JsonValue& count, std::int64_t& out) { return read(count, out); });
               }
               return true;
           });
}

Time minute_of(Time time) { return std::chrono::floor<std::chrono::minutes>(time); }

void count_record(const JobRecord& record, int times, MinuteRecords& minutes) {
    const auto same_run = [](const Transition& a, const Transition& b) { return a.run == b.run; };
    const auto same_attempt = [](const Transition& a, const Transition& b) { return a.attempt == b.attempt; };
    each_stretch(record.trail.transitions, same_run, [&](std::span<const Transition> run) {
        count_wait(run, record, times, minutes);
        each_stretch(run, same_attempt, [&](std::span<const Transition> attempt) {
            count_attempt(attempt, record.job.type, times, minutes);
        });
    });
}

QueueFigures summary(const MinuteRecords& minutes) {
    QueueFigures figures;
    MinuteRecord all;
    const auto at_least_none = [](std::int64_t count) { return std::max<std::int64_t>(count, 0); };
    for (const auto& [begin, minute] : minutes) {
        all.add(minute);
        figures.minutes.push_back({.minute = begin,
                                   .completed = at_least_none(minute.completed),
                                   .failed = at_least_none(minute.failed),
                                   .cancelled = at_least_none(minute.cancelled),
                                   .retried = at_least_none(minute.retried)});
    }
    for (const MinuteFigures& minute : figures.minutes) {
        figures.total.completed += minute.completed;
        figures.total.failed += minute.failed;
        figures.total.cancelled += minute.cancelled;
        figures.total.retried += minute.retried;
    }
    if (!minutes.empty()) figures.total.minute = minutes.begin()->first;
    figures.wait = all.wait.figures();
    TimeSpread run;
    for (const auto& [type, spread] : all.run_by_type) {
        run.add(spread);
        figures.types.emplace(type, spread.figures());
    }
    figures.run = run.figures();
    for (const auto& [name, count] : all.errors) {
        if (count > 0) figures.errors.emplace(name, count);
    }
    return figures;
}

}  // namespace drover::gateway
