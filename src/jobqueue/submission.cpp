#include "src/jobqueue/submission.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "src/jobqueue/job.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/retry_policy.h"
#include "src/jobqueue/units.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;

constexpr std::size_t max_text = 1024;

// Reads the fields of one object and keeps a list of what is wrong with them.
class SubmissionReader {
public:
    explicit SubmissionReader(const json& body) : body_(body) {}

    std::optional<std::string> text(const char* name) {
        const json* field = find(name);
        if (field == nullptr) return std::nullopt;
        if (!field->is_string()) return wrong(name, "must be a string");
        const auto& value = field->get_ref<const std::string&>();
        if (value.size() > max_text) return wrong(name, "is longer than 1024 bytes");
        return value;
    }

    std::optional<Duration> duration(const char* name) {
        const std::optional<std::string> value = text(name);
        if (!value) return std::nullopt;
        const std::optional<Duration> parsed = parse_duration(*value);
        if (!parsed) wrong(name, "must be a duration such as 30s or 5m");
        return parsed;
    }

    std::optional<Time> time(const char* name) {
        const std::optional<std::string> value = text(name);
        if (!value) return std::nullopt;
        const std::optional<Time> parsed = parse_rfc3339(*value);
        if (!parsed) wrong(name, "must be an RFC 3339 time such as 2026-01-31T12:00:00Z");
        return parsed;
    }

    std::optional<int> count(const char* name, int most) {
        const json* field = find(name);
        if (field == nullptr) return std::nullopt;
        if (!field->is_number_integer() || *field < 1 || *field > most) {
            wrong(name, "must be a whole number from 1 to " + std::to_string(most));
            return std::nullopt;
        }
        return field->get<int>();
    }

    std::string object(const char* name) {
        const json* field = find(name);
        if (field == nullptr) return {};
        const bool texts = field->is_object() && std::all_of(field->begin(), field->end(),
                                                             [](const json& value) { return value.is_string(); });
        if (!texts) {
            wrong(name, "must be an object of strings");
            return {};
        }
        return field->dump();
    }

    const json* find(const char* name) {
        known_.emplace_back(name);
        const auto field = body_.find(name);
        return field == body_.end() || field->is_null() ? nullptr : &*field;
    }

    std::nullopt_t wrong(std::string_view name, const std::string& what) {
        problems_ += (problems_.empty() ? "" : "; ") + std::string(name) + " " + what;
        return std::nullopt;
    }

    std::string problems() {
        for (const auto& [name, value] : body_.items()) {
            if (std::ranges::find(known_, name) == known_.end()) wrong(name, "is not a field of a job");
        }
        return problems_;
    }

private:
    const json& body_;
    std::vector<std::string> known_;
    std::string problems_;
};

// As it is written: a tree would change numbers that no double holds.
std::optional<std::string> payload_of(const JsonValue& body) {
    std::optional<std::string> payload;
    std::string buffer;
    for (JsonParts part(body); part.next();) {
        if (part.name(buffer) == "payload") payload = part.value().text();
    }
    return payload;
}

}  // namespace

Result<Submission> parse_submission(std::string_view text) {
    const Result<JsonValue> checked = read_json(text);
    if (!checked) return failure(Error::Code::invalid, "the body " + checked.error().message);
    if (checked->kind() != JsonValue::Kind::object) {
        return failure(Error::Code::invalid, "the body must be a JSON object");
    }
    const json body = json::parse(text);

    SubmissionReader reader(body);
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
    reader.find("payload");
    if (std::optional<std::string> payload = payload_of(*checked)) {
        job.payload = std::move(*payload);
        job.content_type = "application/json";
    } else {
        reader.wrong("payload", "is missing");
    }
    if (std::string problems = reader.problems(); !problems.empty()) return failure(Error::Code::invalid, problems);
    return job;
}

std::vector<Field> submission_headers(const Submission& job, Time now) {
    std::vector<Field> headers;
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
