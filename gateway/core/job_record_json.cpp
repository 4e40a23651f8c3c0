#include "gateway/core/job_record_json.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/core/json_object.h"

namespace drover::gateway {
namespace {

using jobqueue::append_json_number;
using jobqueue::append_json_string;
using jobqueue::JobEvent;
using jobqueue::JsonParts;
using jobqueue::JsonValue;

constexpr std::array<std::string_view, 5> kinds{"none", "json", "text", "bytes", "leftOut"};
constexpr int job_events = 11;

// --- writing

void append_value(std::string& out, const std::string& value) { append_json_string(out, value); }
void append_value(std::string& out, int value) { append_json_number(out, value); }
void append_value(std::string& out, const JobResult& value) { append_result_json(out, value); }
void append_value(std::string& out, const Place& value) {
    ObjectWriter object(out);
    object.text("topic", value.topic);
    object.number("partition", value.partition);
    object.number("offset", value.offset);
}

void write_stamp(ObjectWriter& object, const Stamp& stamp) {
    object.number("run", stamp.run);
    object.number("attempt", stamp.attempt);
    object.time("at", stamp.at);
}

template <class T>
void write_said(std::string& out, ObjectWriter& object, std::string_view name, const std::optional<Said<T>>& said) {
    if (!said) return;
    object.name(name);
    ObjectWriter inner(out);
    write_stamp(inner, said->stamp);
    inner.name("value");
    append_value(out, said->value);
}

void write_error(std::string& out, ObjectWriter& object, const std::optional<JobError>& error) {
    if (!error) return;
    object.name("error");
    ObjectWriter inner(out);
    inner.text("class", error->error_class);
    inner.number("status", error->status);
    inner.text("message", error->message);
}

void write_busy(std::string& out, ObjectWriter& object, const std::optional<Duration>& busy) {
    if (!busy) return;
    object.name("busyMicros");
    append_json_number(out, busy->count());
}

void append_transition(std::string& out, const Transition& transition) {
    ObjectWriter object(out);
    object.text("event", job_event_name(transition.event));
    write_stamp(object, {transition.run, transition.attempt, transition.at});
    object.text("pod", transition.pod);
    write_error(out, object, transition.error);
    object.time("dueAt", transition.due_at);
    write_busy(out, object, transition.busy);
}

void write_progress(std::string& out, ObjectWriter& object, const std::optional<JobProgress>& progress) {
    if (!progress) return;
    object.name("progress");
    ObjectWriter inner(out);
    if (progress->percent) {
        inner.name("percent");
        append_json_number(out, *progress->percent);
    }
    inner.time("percentAt", progress->percent_at);
    inner.text("step", progress->step);
    inner.text("message", progress->message);
}

// --- reading

bool read_value(const JsonValue& value, JobError& error) {
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        if (name == "class") return read(member, error.error_class);
        if (name == "status") return read(member, error.status);
        if (name == "message") return read(member, error.message);
        return true;
    });
}

bool read_value(const JsonValue& value, JobProgress& progress) {
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        if (name == "percent") return read(member, progress.percent);
        if (name == "percentAt") return read(member, progress.percent_at);
        if (name == "step") return read(member, progress.step);
        if (name == "message") return read(member, progress.message);
        return true;
    });
}

bool read_value(const JsonValue& value, JobResult& result) {
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        if (name == "contentType") return read(member, result.content_type);
        if (name == "leftOut") return read(member, result.left_out);
        if (name != "kind") return true;
        std::string buffer;
        const auto found = std::ranges::find(kinds, member.string(buffer));
        result.kind = static_cast<JobResult::Kind>(found - kinds.begin());
        return found != kinds.end();
    });
}

bool read_value(const JsonValue& value, Place& place) {
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        if (name == "topic") return read(member, place.topic);
        if (name == "partition") return read(member, place.partition);
        if (name == "offset") return read(member, place.offset);
        return true;
    });
}

bool read_value(const JsonValue& value, std::string& text) { return read(value, text); }
bool read_value(const JsonValue& value, int& number) { return read(value, number); }

bool read_stamp(std::string_view name, const JsonValue& value, Stamp& stamp) {
    if (name == "run") return read(value, stamp.run);
    if (name == "attempt") return read(value, stamp.attempt);
    if (name == "at") return read(value, stamp.at);
    return true;
}

template <class T>
bool read_said(const JsonValue& value, std::optional<Said<T>>& out) {
    Said<T>& said = out.emplace();
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        return name == "value" ? read_value(member, said.value) : read_stamp(name, member, said.stamp);
    });
}

bool read_event(const JsonValue& value, JobEvent& event) {
    std::string buffer;
    const std::string_view name = value.string(buffer);
    for (int i = 0; i < job_events; ++i) {
        event = static_cast<JobEvent>(i);
        if (job_event_name(event) == name) return true;
    }
    return false;
}

bool read_transition(const JsonValue& value, Transition& transition) {
    return read_members(value, [&](std::string_view name, const JsonValue& member) {
        if (name == "event") return read_event(member, transition.event);
        if (name == "run") return read(member, transition.run);
        if (name == "attempt") return read(member, transition.attempt);
        if (name == "at") return read(member, transition.at);
        if (name == "pod") return read(member, transition.pod);
        if (name == "error") return read_value(member, transition.error.emplace());
        if (name == "dueAt") return read(member, transition.due_at);
        if (name == "busyMicros") return read(member, transition.busy);
        return true;
    });
}

bool read_transitions(const JsonValue& value, std::vector<Transition>& transitions) {
    if (value.kind() != JsonValue::Kind::array) return false;
    for (JsonParts parts(value); parts.next();) {
        if (!read_transition(parts.value(), transitions.emplace_back())) return false;
    }
    return true;
}

}  // namespace

void append_result_json(std::string& out, const JobResult& result) {
    ObjectWriter object(out);
    object.text("kind", kinds[static_cast<std::size_t>(result.kind)]);
    object.text("contentType", result.content_type);
    object.number("leftOut", static_cast<std::int64_t>(result.left_out));
}

void append_job_json(std::string& out, const Job& job) {
    ObjectWriter object(out);
    object.text("type", job.type);
    object.number("run", job.run);
    object.number("attempt", job.attempt);
    object.number("maxAttempts", job.max_attempts);
    object.time("firstStartedAt", job.first_started_at);
    object.time("startedAt", job.started_at);
    object.time("finishedAt", job.finished_at);
    object.time("dueAt", job.due_at);
    object.time("updatedAt", job.updated_at);
    write_busy(out, object, job.busy);
    object.text("pod", job.pod);
    write_error(out, object, job.error);
    write_progress(out, object, job.progress);
    if (job.result.kind != JobResult::Kind::none || !job.result.content_type.empty()) {
        object.name("result");
        append_result_json(out, job.result);
    }
    object.text("labels", job.labels);
    object.text("topic", job.topic);
    object.number("partition", job.partition);
    object.number("offset", job.offset);
}

void append_trail_json(std::string& out, const Trail& trail) {
    ObjectWriter object(out);
    object.name("transitions");
    out.push_back('[');
    for (const Transition& transition : trail.transitions) {
        if (out.back() != '[') out.push_back(',');
        append_transition(out, transition);
    }
    out.push_back(']');
    write_said(out, object, "progressed", trail.progressed);
    write_said(out, object, "percent", trail.percent);
    write_said(out, object, "step", trail.step);
    write_said(out, object, "message", trail.message);
    write_said(out, object, "result", trail.result);
    write_said(out, object, "place", trail.place);
    object.time("submittedAt", trail.submitted_at);
    object.time("heardAt", trail.heard_at);
    if (!trail.removed) return;
    object.name("removed");
    ObjectWriter removed(out);
    write_stamp(removed, *trail.removed);
}

bool read_job_json(std::string_view json, Job& job) {
    const auto value = jobqueue::read_json(json);
    return value && read_members(*value, [&](std::string_view name, const JsonValue& member) {
               if (name == "type") return read(member, job.type);
               if (name == "run") return read(member, job.run);
               if (name == "attempt") return read(member, job.attempt);
               if (name == "maxAttempts") return read(member, job.max_attempts);
               if (name == "firstStartedAt") return read(member, job.first_started_at);
               if (name == "startedAt") return read(member, job.started_at);
               if (name == "finishedAt") return read(member, job.finished_at);
               if (name == "dueAt") return read(member, job.due_at);
               if (name == "updatedAt") return read(member, job.updated_at);
               if (name == "busyMicros") return read(member, job.busy);
               if (name == "pod") return read(member, job.pod);
               if (name == "error") return read_value(member, job.error.emplace());
               if (name == "progress") return read_value(member, job.progress.emplace());
               if (name == "result") return read_value(member, job.result);
               if (name == "labels") return read(member, job.labels);
               if (name == "topic") return read(member, job.topic);
               if (name == "partition") return read(member, job.partition);
               if (name == "offset") return read(member, job.offset);
               return true;
           });
}

bool read_trail_json(std::string_view json, Trail& trail) {
    const auto value = jobqueue::read_json(json);
    return value && read_members(*value, [&](std::string_view name, const JsonValue& member) {
               if (name == "transitions") return read_transitions(member, trail.transitions);
               if (name == "progressed") return read_said(member, trail.progressed);
               if (name == "percent") return read_said(member, trail.percent);
               if (name == "step") return read_said(member, trail.step);
               if (name == "message") return read_said(member, trail.message);
               if (name == "result") return read_said(member, trail.result);
               if (name == "place") return read_said(member, trail.place);
               if (name == "submittedAt") return read(member, trail.submitted_at);
               if (name == "heardAt") return read(member, trail.heard_at);
               if (name != "removed") return true;
               Stamp& stamp = trail.removed.emplace();
               return read_members(member, [&](std::string_view inner, const JsonValue& part) {
                   return read_stamp(inner, part, stamp);
               });
           });
}

bool read_result_json(std::string_view json, JobResult& result) {
    const auto value = jobqueue::read_json(json);
    return value && read_value(*value, result);
}

}  // namespace drover::gateway
