#include "src/jobqueue/submission.h"

#include <algorithm>
#include <array>
#include <set>

#include <nlohmann/json.hpp>

#include "src/jobqueue/job.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/retry_policy.h"
#include "src/jobqueue/units.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;

constexpr std::size_t max_text = 1024;

constexpr std::array<std::string_view, 12> field_names = {"type",     "payload",   "key",         "priority",
                                                          "delay",    "runAt",     "maxAttempts", "timeout",
                                                          "deadline", "uniqueKey", "labels",      "callback"};

// Reads the fields of one object and keeps a list of what is wrong with them. Of one that comes twice the last counts.
class SubmissionReader {
public:
    explicit SubmissionReader(const JsonValue& body) {
        for (JsonParts part(body); part.next();) {
            const std::string_view name = part.name(buffer_);
            if (const auto index = index_of(name))
                fields_[*index] = part.value();
            else
                unknown_.emplace(name);
        }
    }

    std::optional<std::string> text(std::string_view name) {
        const std::optional<JsonValue> field = find(name);
        if (!field) return std::nullopt;
        if (field->kind() != JsonValue::Kind::string) return wrong(name, "must be a string");
        std::string value(field->string(buffer_));
        if (value.size() > max_text) return wrong(name, "is longer than 1024 bytes");
        return value;
    }

    std::optional<Duration> duration(std::string_view name) {
        const std::optional<std::string> value = text(name);
        if (!value) return std::nullopt;
        const std::optional<Duration> parsed = parse_duration(*value);
        if (!parsed) wrong(name, "must be a duration such as 30s or 5m");
        return parsed;
    }

    std::optional<Time> time(std::string_view name) {
        const std::optional<std::string> value = text(name);
        if (!value) return std::nullopt;
        const std::optional<Time> parsed = parse_rfc3339(*value);
        if (!parsed) wrong(name, "must be an RFC 3339 time such as 2026-01-31T12:00:00Z");
        return parsed;
    }

    std::optional<int> count(std::string_view name, int most) {
        const std::optional<JsonValue> field = find(name);
        if (!field) return std::nullopt;
        const std::optional<std::int64_t> value = field->integer();
        if (value && *value >= 1 && *value <= most) return static_cast<int>(*value);
        wrong(name, "must be a whole number from 1 to " + std::to_string(most));
        return std::nullopt;
    }

    std::string object(std::string_view name) {
        const std::optional<JsonValue> field = find(name);
        if (!field) return {};
        bool texts = field->kind() == JsonValue::Kind::object;
        for (JsonParts part(*field); part.next();) texts = texts && part.value().kind() == JsonValue::Kind::string;
        if (texts) return json::parse(field->text()).dump();  // each name once
        wrong(name, "must be an object of strings");
        return {};
    }

    // As it is written: a tree would change numbers that no double holds.
    std::optional<std::string_view> as_written(std::string_view name) const {
        const std::optional<JsonValue>& field = fields_[*index_of(name)];
        return field ? std::optional(field->text()) : std::nullopt;
    }

    std::nullopt_t wrong(std::string_view name, const std::string& what) {
        problems_.append(problems_.empty() ? "" : "; ").append(name).append(" ").append(what);
        return std::nullopt;
    }

    std::string problems() {
        for (const std::string& name : unknown_) wrong(name, "is not a field of a job");
        return problems_;
    }

private:
    static std::optional<std::size_t> index_of(std::string_view name) {
        const auto found = std::ranges::find(field_names, name);
        if (found == field_names.end()) return std::nullopt;
        return static_cast<std::size_t>(found - field_names.begin());
    }

    // One that is null is not there.
    std::optional<JsonValue> find(std::string_view name) const {
        const std::optional<JsonValue>& field = fields_[*index_of(name)];
        return field && field->kind() != JsonValue::Kind::null ? field : std::nullopt;
    }

    std::array<std::optional<JsonValue>, field_names.size()> fields_;
    std::set<std::string> unknown_;
    std::string buffer_, problems_;
};

}  // namespace

Result<Submission> parse_submission(std::string_view text) {
    const Result<JsonValue> checked = read_json(text);
    if (!checked) return failure(Error::Code::invalid, "the body " + checked.error().message);
    if (checked->kind() != JsonValue::Kind::object) {
        return failure(Error::Code::invalid, "the body must be a JSON object");
    }
    SubmissionReader reader(*checked);
    Submission job;
    job.type = reader.text("type").value_or("");
    job.key = reader.text("key");
    job.priority = reader.text("priority").value_or("");
    job.delay = reader.duration("delay");
    job.run_at = reader.time("runAt");
    job.max_attempts = reader.count("maxAttempts", 100);
    job.timeout = reader.duration("timeout");
    job.deadline = reader.time("deadline");
    job.unique_key = reader.text("uniqueKey").value_or("");
    job.labels = reader.object("labels");
    job.callback = reader.text("callback").value_or("");
    if (job.delay && job.run_at) reader.wrong("delay", "and runAt exclude each other");
    if (job.timeout && (*job.timeout < std::chrono::milliseconds(1) || *job.timeout > std::chrono::hours(24))) {
        reader.wrong("timeout", "must be from 1ms to 24h");
    }
    const auto has_control = [](const std::string& value) {
        return std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    };
    if (has_control(job.type)) reader.wrong("type", "must not have control characters");
    static constexpr std::string_view lanes[] = {"", "critical", "high", "normal", "low", "background"};
    if (std::ranges::find(lanes, job.priority) == std::end(lanes)) {
        reader.wrong("priority", "must be critical, high, normal, low or background");
    }
    if (const std::optional<std::string_view> payload = reader.as_written("payload")) {
        job.payload = *payload;
        job.content_type = "application/json";
    } else {
        reader.wrong("payload", "is missing");
    }
    if (std::string problems = reader.problems(); !problems.empty()) return failure(Error::Code::invalid, problems);
    return job;
}

std::vector<Field> submission_headers(const Submission& job, Time now) {
    std::vector<Field> headers;
    headers.reserve(13);
    const auto add = [&](std::string_view name, std::string value) {
        if (!value.empty()) headers.push_back({std::string(name), std::move(value)});
    };
    add(header::job_id, job.id);
    add(header::type, job.type);
    add(header::priority, job.priority);
    add(header::submitted_at, format_rfc3339(now));
    const std::optional<Time> due_at = job.delay ? std::optional(now + *job.delay) : job.run_at;
    if (due_at) add(header::due_at, format_rfc3339(std::chrono::ceil<std::chrono::milliseconds>(*due_at)));
    if (job.max_attempts) add(header::max_attempts, std::to_string(*job.max_attempts));
    if (job.timeout) add(header::timeout, format_duration(*job.timeout));
    if (job.deadline) add(header::deadline, format_rfc3339(*job.deadline));
    add(header::unique_key, job.unique_key);
    add(header::callback, job.callback);
    add(header::labels, job.labels);
    add(header::content_type, job.content_type);
    add(header::traceparent, job.traceparent);
    return headers;
}

}  // namespace drover::jobqueue
