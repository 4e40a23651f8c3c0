#include "src/jobqueue/lifecycle_event.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "src/base/base64.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

constexpr std::array<std::string_view, 11> names{"submitted",  "waiting",  "delayed",   "started",
                                                 "progressed", "retrying", "completed", "failed",
                                                 "cancelled",  "removed",  "log"};

// --- writing

// Appends ,"name":
void append_name(std::string& out, std::string_view name) { out.append(",\"").append(name).append("\":"); }

void append_text(std::string& out, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    append_name(out, name);
    append_json_string(out, text);
}

void append_number(std::string& out, std::string_view name, std::int64_t number) {
    append_name(out, name);
    append_json_number(out, number);
}

void append_time(std::string& out, std::string_view name, Time time) {
    append_name(out, name);
    out.push_back('"');
    append_rfc3339(out, time);
    out.push_back('"');
}

// Whether it may stand in an event, whose own braces are a level.
bool may_be_embedded(std::string_view text) { return json_fault(text, max_json_depth - 1).empty(); }

void append_result(std::string& out, const LifecycleEvent& event, std::size_t max_bytes) {
    std::uint64_t left_out = event.result_left_out;
    if (event.result.size() > max_bytes) {
        left_out = event.result.size();
    } else if (!event.result.empty()) {
        const bool says_json = event.content_type.empty() || is_json_type(event.content_type);
        if (says_json && may_be_embedded(event.result)) {
            append_name(out, "result");
            out += event.result;
        } else if (!find_invalid_utf8(event.result)) {
            append_text(out, "resultText", event.result);
        } else {
            append_name(out, "resultBase64");
            out.push_back('"');
            append_base64(out, event.result);
            out.push_back('"');
        }
    }
    append_text(out, "contentType", event.content_type);
    if (left_out != 0) append_number(out, "resultLeftOut", static_cast<std::int64_t>(left_out));
}

void append_labels(std::string& out, std::string_view labels) {
    if (labels.empty()) return;
    if (labels.front() != '{' || !may_be_embedded(labels)) return append_text(out, "labels", labels);
    append_name(out, "labels");
    out += labels;
}

// --- reading

class EventReader {
public:
    explicit EventReader(std::string& storage) : storage_(storage) {}

    Result<LifecycleEvent> read(const JsonValue& json) {
        std::string buffer;
        for (JsonParts part(json); part.next();) {
            const std::string_view name = part.name(buffer);
            if (!read_field(name, part.value())) return wrong(clean_line(name, 64));
        }
        if (event_.job_id.empty()) return wrong("jobId");
        if (event_.queue.empty()) return wrong("queue");
        if (!has_state_) return wrong("state");
        if (!has_time_) return wrong("at");
        return event_;
    }

private:
    static tl::unexpected<Error> wrong(const std::string& name) {
        return failure(Error::Code::invalid, name + " is missing, or not what an event has under that name");
    }

    // False where the value is not what the name says.
    bool read_field(std::string_view name, const JsonValue& value) {
        LifecycleEvent& event = event_;
        if (name == "jobId") return text(value, event.job_id);
        if (name == "queue") return text(value, event.queue);
        if (name == "type") return text(value, event.type);
        if (name == "state") return has_state_ = state(value);
        if (name == "run") return number(value, event.run);
        if (name == "attempt") return number(value, event.attempt);
        if (name == "maxAttempts") return number(value, event.max_attempts);
        if (name == "at") return has_time_ = time(value, event.at);
        if (name == "pod") return text(value, event.pod);
        if (name == "cause") return cause(value);
        if (name == "percent") return number(value, event.percent.emplace(), 100);
        if (name == "step") return text(value, event.step);
        if (name == "message") return text(value, event.message);
        if (name == "level") return text(value, event.level);
        if (name == "linesLeftOut") return number(value, event.lines_left_out);
        if (name == "result") return embedded(value, event.result);
        if (name == "resultText") return text(value, event.result);
        if (name == "resultBase64") return bytes(value, event.result);
        if (name == "contentType") return text(value, event.content_type);
        if (name == "resultLeftOut") return number(value, event.result_left_out);
        if (name == "dueAt") return time(value, event.due_at.emplace());
        if (name == "submittedAt") return time(value, event.submitted_at.emplace());
        if (name == "topic") return text(value, event.topic);
        if (name == "partition") return number(value, event.partition);
        if (name == "offset") return number(value, event.offset);
        if (name == "labels" && value.kind() == JsonValue::Kind::object) return embedded(value, event.labels);
        if (name == "labels") return text(value, event.labels);
        if (name == "busyMicros") return busy(value);
        if (name == "callback") return text(value, event.callback);
        return true;
    }

    bool cause(const JsonValue& value) {
        if (value.kind() != JsonValue::Kind::object) return false;
        std::string buffer;
        for (JsonParts part(value); part.next();) {
            const std::string_view name = part.name(buffer);
            if (name == "class" && !text(part.value(), event_.error_class)) return false;
            if (name == "status" && !number(part.value(), event_.error_status)) return false;
            if (name == "message" && !text(part.value(), event_.error_message)) return false;
        }
        return !event_.error_class.empty();
    }

    bool text(const JsonValue& value, std::string_view& out) {
        if (value.kind() != JsonValue::Kind::string) return false;
        std::string unescaped;
        out = value.string(unescaped);
        if (out.data() == unescaped.data()) out = store(out);
        return true;
    }

    bool bytes(const JsonValue& value, std::string_view& out) {
        std::string buffer;
        const std::optional<std::string> decoded = base64_decode(value.string(buffer));
        if (value.kind() != JsonValue::Kind::string || !decoded) return false;
        out = store(*decoded);
        return true;
    }

    // There is room: a text is not longer than what is written for it.
    std::string_view store(std::string_view text) {
        const std::size_t begin = storage_.size();
        storage_ += text;
        return std::string_view(storage_).substr(begin);
    }

    static bool embedded(const JsonValue& value, std::string_view& out) {
        out = value.text();
        return true;
    }

    template <class Number>
    static bool number(const JsonValue& value, Number& out,
                       std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
        if (sizeof(Number) < sizeof(most)) most = std::min<std::int64_t>(most, std::numeric_limits<int>::max());
        const std::optional<std::int64_t> read = value.integer();
        if (!read || *read < 0 || *read > most) return false;
        out = static_cast<Number>(*read);
        return true;
    }

    static bool time(const JsonValue& value, Time& out) {
        std::string buffer;
        const std::optional<Time> read = parse_rfc3339(value.string(buffer));
        if (read) out = *read;
        return read.has_value();
    }

    bool busy(const JsonValue& value) {
        std::int64_t micros = 0;
        if (!number(value, micros)) return false;
        event_.busy = Duration(micros);
        return true;
    }

    bool state(const JsonValue& value) {
        std::string buffer;
        const auto found = std::ranges::find(names, value.string(buffer));
        event_.state = static_cast<JobEvent>(found - names.begin());
        return found != names.end();
    }

    std::string& storage_;
    LifecycleEvent event_;
    bool has_state_ = false, has_time_ = false;
};

}  // namespace

std::string_view job_event_name(JobEvent state) { return names[static_cast<std::size_t>(state)]; }

int rank(JobEvent state) {
    switch (state) {
        case JobEvent::log: return 0;
        case JobEvent::submitted: return 1;
        case JobEvent::delayed: return 2;
        case JobEvent::waiting: return 3;
        case JobEvent::started: return 4;
        case JobEvent::progressed: return 5;
        case JobEvent::retrying: return 6;
        case JobEvent::failed: return 7;
        case JobEvent::cancelled: return 8;
        case JobEvent::completed: return 9;
        case JobEvent::removed: return 10;
    }
    return 0;
}

void write_lifecycle_event(const LifecycleEvent& event, std::size_t max_result_bytes, std::string& out) {
    out = "{\"jobId\":";
    append_json_string(out, event.job_id);
    append_text(out, "queue", event.queue);
    append_text(out, "type", event.type);
    append_text(out, "state", job_event_name(event.state));
    append_number(out, "run", event.run);
    append_number(out, "attempt", event.attempt);
    if (event.max_attempts != 0) append_number(out, "maxAttempts", event.max_attempts);
    append_time(out, "at", event.at);
    append_text(out, "pod", event.pod);
    if (!event.error_class.empty()) {
        out += ",\"cause\":{\"class\":";
        append_json_string(out, event.error_class);
        if (event.error_status != 0) append_number(out, "status", event.error_status);
        append_text(out, "message", event.error_message);
        out.push_back('}');
    }
    if (event.percent) append_number(out, "percent", *event.percent);
    append_text(out, "step", event.step);
    append_text(out, "message", event.message);
    append_text(out, "level", event.level);
    if (event.lines_left_out != 0) append_number(out, "linesLeftOut", static_cast<std::int64_t>(event.lines_left_out));
    append_result(out, event, max_result_bytes);
    if (event.due_at) append_time(out, "dueAt", std::chrono::ceil<std::chrono::milliseconds>(*event.due_at));
    if (event.submitted_at) append_time(out, "submittedAt", *event.submitted_at);
    if (!event.topic.empty()) {
        append_text(out, "topic", event.topic);
        append_number(out, "partition", event.partition);
        append_number(out, "offset", event.offset);
    }
    append_labels(out, event.labels);
    if (event.busy) append_number(out, "busyMicros", event.busy->count());
    append_text(out, "callback", event.callback);
    out.push_back('}');
}

Result<LifecycleEvent> parse_lifecycle_event(std::string_view json, std::string& storage) {
    const Result<JsonValue> value = read_json(json);
    if (!value) return failure(Error::Code::invalid, "the event " + value.error().message);
    if (value->kind() != JsonValue::Kind::object) return failure(Error::Code::invalid, "the event is not an object");
    storage.clear();
    storage.reserve(json.size());
    return EventReader(storage).read(*value);
}

}  // namespace drover::jobqueue
