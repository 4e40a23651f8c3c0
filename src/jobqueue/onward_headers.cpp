// The headers of the record that carries a job on: to a retry topic, or to the dead letters.
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "src/jobqueue/job.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;

// What a failure may add to a record. Retry and dead-letter topics allow 64 KiB more than the main topic.
constexpr std::size_t max_causes = 16 * 1024;
constexpr std::size_t max_attempts_text = 8 * 1024;
constexpr std::size_t max_attempts_kept = 50;
constexpr std::size_t max_message = 2 * 1024;
constexpr std::size_t max_name = 256;  // of a pod or an error class
// An earlier list that is longer than we ever write is somebody else's.
constexpr std::size_t max_attempts_read = 64 * 1024;

// The headers that describe the job's present state, and so are written anew. All others stay: the user's, and those
// of Drover that say what the job is.
bool is_state(std::string_view name) {
    static constexpr std::array state{header::job_id,
                                      header::attempt,
                                      header::hops,
                                      header::due_at,
                                      header::original_topic,
                                      header::original_partition,
                                      header::original_offset,
                                      header::original_timestamp,
                                      header::attempts,
                                      header::error_class,
                                      header::error_status,
                                      header::error_message,
                                      header::error_response,
                                      header::failed_at,
                                      header::payload_left_out};
    return name.starts_with("__dlq.") || std::find(state.begin(), state.end(), name) != state.end();
}

json attempt_json(const AttemptRecord& attempt) {
    return {{"attempt", attempt.attempt},
            {"at", format_rfc3339(attempt.at)},
            {"pod", clean_line(attempt.pod, max_name)},
            {"outcome", clean_line(attempt.outcome, max_name)}};
}

bool is_attempt(const json& entry) {
    const auto is_short_text = [&entry](const char* name) {
        const auto found = entry.find(name);
        return found != entry.end() && found->is_string() && found->get_ref<const std::string&>().size() <= max_name;
    };
    return entry.is_object() && entry.size() == 4 && entry.contains("attempt") &&
           entry["attempt"].is_number_integer() && is_short_text("at") && is_short_text("pod") &&
           is_short_text("outcome");
}

// The earlier list and `attempt`, the newest of both within the limits; "" for none. A list that is not one, which
// only a stranger can have written, is left out.
std::string attempts_text(std::string_view earlier, const AttemptRecord* attempt) {
    json list = json::array();
    if (!earlier.empty() && earlier.size() <= max_attempts_read) {
        json parsed = json::parse(earlier, nullptr, false);
        if (parsed.is_array() && std::all_of(parsed.begin(), parsed.end(), is_attempt)) list = std::move(parsed);
    }
    if (attempt != nullptr) list.push_back(attempt_json(*attempt));
    if (list.empty()) return {};

    std::string text;
    std::size_t kept = 0;
    for (auto entry = list.rbegin(); entry != list.rend() && kept < max_attempts_kept; ++entry, ++kept) {
        std::string item = entry->dump(-1, ' ', false, json::error_handler_t::replace);
        if (text.size() + item.size() + 3 > max_attempts_text) break;
        if (kept > 0) item.append(",").append(text);
        text = std::move(item);
    }
    return "[" + text + "]";
}

struct Causes {
    std::string attempts;
    std::string error_class;
    std::string status;
    std::string message;
    std::string response;
};

// The response gets what the others leave.
Causes bounded(const Cause& cause, std::string attempts) {
    Causes causes;
    causes.attempts = std::move(attempts);
    causes.error_class = clean_line(cause.error_class, max_name);
    causes.status = cause.status == 0 ? std::string() : std::to_string(cause.status);
    causes.message = clean_line(cause.message, max_message);
    const auto used = causes.attempts.size() + causes.error_class.size() + causes.status.size() + causes.message.size();
    causes.response = clean_text(cause.response, max_causes - used);
    return causes;
}

class Headers {
public:
    explicit Headers(std::span<const FieldView> fields) {
        fields_.reserve(fields.size() + 20);
        for (const auto& field : fields)
            if (!is_state(field.name)) fields_.push_back({std::string(field.name), std::string(field.value)});
    }

    void set(std::string_view name, std::string value) { fields_.push_back({std::string(name), std::move(value)}); }
    void set_unless_empty(std::string_view name, std::string value) {
        if (!value.empty()) set(name, std::move(value));
    }
    bool has(std::string_view name) const {
        return std::any_of(fields_.begin(), fields_.end(), [name](const Field& field) { return field.name == name; });
    }
    void set_state(std::string_view id, int attempts_made, const Origin& original, Causes& causes) {
        set(header::job_id, std::string(id));
        set(header::attempt, std::to_string(attempts_made));
        set(header::original_topic, std::string(original.topic));
        set(header::original_partition, std::to_string(original.partition));
        set(header::original_offset, std::to_string(original.offset));
        set(header::original_timestamp, format_rfc3339(original.timestamp));
        set_unless_empty(header::attempts, std::move(causes.attempts));
        set_unless_empty(header::error_class, std::move(causes.error_class));
        set_unless_empty(header::error_status, std::move(causes.status));
        set_unless_empty(header::error_response, std::move(causes.response));
    }
    std::vector<Field> take() { return std::move(fields_); }

private:
    std::vector<Field> fields_;
};

}  // namespace

std::vector<Field> retry_headers(std::span<const FieldView> fields, const JobHeaders& job, const Origin& record,
                                 std::string_view id, int attempts_made, Time due_at, const Cause& cause,
                                 const AttemptRecord* attempt) {
    Causes causes = bounded(cause, attempts_text(job.attempts, attempt));
    Headers headers(fields);
    headers.set_state(id, attempts_made, job.original ? *job.original : record, causes);
    headers.set_unless_empty(header::error_message, std::move(causes.message));
    headers.set(header::due_at, format_rfc3339(due_at));
    if (attempt == nullptr) headers.set(header::hops, std::to_string(std::int64_t{job.hops} + 1));
    return headers.take();
}

std::vector<Field> dead_letter_headers(std::span<const FieldView> fields, const JobHeaders& job, const Origin& record,
                                       std::string_view id, std::string_view group, int attempts_made, Time failed_at,
                                       const Cause& cause, const AttemptRecord* attempt) {
    Causes causes = bounded(cause, attempts_text(job.attempts, attempt));
    const Origin& original = job.original ? *job.original : record;
    Headers headers(fields);
    headers.set_state(id, attempts_made, original, causes);
    if (!headers.has(header::run)) headers.set(header::run, std::to_string(job.run));
    headers.set(header::failed_at, format_rfc3339(failed_at));
    headers.set(header::dlq_topic, std::string(original.topic));
    headers.set(header::dlq_partition, std::to_string(original.partition));
    headers.set(header::dlq_offset, std::to_string(original.offset));
    headers.set(header::dlq_group, std::string(group));
    headers.set(header::dlq_delivery_count, std::to_string(attempts_made));
    headers.set(header::dlq_message, std::move(causes.message));
    return headers.take();
}

std::vector<Field> redrive_headers(std::span<const FieldView> fields, std::string_view id, int run, Time now) {
    const JobHeaders job = readable_job_headers(fields);
    const bool too_late = job.deadline && *job.deadline <= now;
    std::vector<FieldView> kept;
    for (const auto& field : fields) {
        if (field.name == header::run || (too_late && field.name == header::deadline)) continue;
        if (parse_job_headers({&field, 1})) kept.push_back(field);
    }
    Headers headers(kept);
    headers.set(header::job_id, std::string(id));
    headers.set(header::run, std::to_string(run));
    return headers.take();
}

}  // namespace drover::jobqueue
