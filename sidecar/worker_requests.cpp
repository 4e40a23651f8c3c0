#include "sidecar/worker_requests.h"

#include <algorithm>
#include <chrono>
#include <span>

#include "sidecar/core/outcome.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/retry_policy.h"
#include "src/jobqueue/units.h"
#include "src/jobqueue/utf8.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using jobqueue::JsonParts;
using jobqueue::JsonValue;

constexpr std::size_t max_text_bytes = 1024;
constexpr std::string_view duration_form = "a duration such as \"5s\", or a number of seconds";

struct Job {
    std::string id, lease;
};

std::string list(std::span<const std::string_view> names) {
    std::string text;
    for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
    return text.empty() ? "no fields" : text;
}

std::string over_limit(std::size_t limit) { return "must be at most " + std::to_string(limit) + " bytes long"; }

// Reads the fields of one object and keeps a list of what is wrong with them.
class BodyReader {
public:
    BodyReader(std::string_view body, std::span<const std::string_view> names)
        : body_(jobqueue::read_json(body.empty() ? "{}" : body)) {
        const std::string allowed = "must be a JSON object with " + list(names);
        if (!body_) {
            wrong("the body", body_.error().message + "; it " + allowed);
        } else if (body_->kind() != JsonValue::Kind::object) {
            wrong("the body", allowed);
        } else {
            refuse_others(names);
        }
    }

    std::optional<JsonValue> find(std::string_view name) const {
        std::optional<JsonValue> found;
        if (!body_) return found;
        std::string buffer;
        for (JsonParts part(*body_); part.next();) {
            if (part.name(buffer) == name) found = part.value();
        }
        return found && found->kind() != JsonValue::Kind::null ? found : std::nullopt;
    }

    std::string text(std::string_view name, std::size_t most = std::string_view::npos) {
        const std::optional<JsonValue> field = find(name);
        if (!field) return {};
        std::string value;
        if (field->kind() != JsonValue::Kind::string) {
            wrong(name, "must be a string");
        } else if (value = std::string(field->string(value)); value.size() > most) {
            wrong(name, over_limit(most));
        }
        return value;
    }

    std::optional<Duration> duration(std::string_view name, Duration least, Duration most) {
        const std::optional<JsonValue> field = find(name);
        if (!field) return std::nullopt;
        const std::optional<Duration> value = jobqueue::read_duration(*field);
        if (!value || *value < least || *value > most) {
            wrong(name, "must be from " + jobqueue::format_duration(least) + " to " + jobqueue::format_duration(most) +
                            ": " + std::string(duration_form));
        }
        return value;
    }

    void wrong(std::string_view name, std::string_view what) {
        problems_.append(problems_.empty() ? "" : "; ").append(name).append(" ").append(what);
    }

    Result<WorkerRequest> finish(WorkerRequest request) const {
        if (!problems_.empty()) return failure(Error::Code::invalid, problems_);
        return request;
    }

private:
    void refuse_others(std::span<const std::string_view> names) {
        std::string buffer;
        for (JsonParts part(*body_); part.next();) {
            const std::string_view name = part.name(buffer);
            if (std::ranges::find(names, name) != names.end()) continue;
            return wrong(jobqueue::clean_line(name, 64), "is not a field of this request, which has " + list(names));
        }
    }

    Result<JsonValue> body_;
    std::string problems_;
};

Result<WorkerRequest> read_progress(Job job, std::string_view body, const WorkerRequestLimits& limits) {
    static constexpr std::string_view names[] = {"percent", "step", "message", "result"};
    BodyReader reader(body, names);
    request::Progress progress;
    progress.job_id = std::move(job.id);
    progress.lease = std::move(job.lease);
    if (const std::optional<JsonValue> percent = reader.find("percent")) {
        const std::optional<double> number = percent->number();
        if (!number || !(*number >= 0 && *number <= 100)) {
            reader.wrong("percent", "must be a number from 0 to 100");
        } else {
            progress.percent = static_cast<int>(*number);
        }
    }
    progress.step = reader.text("step", max_text_bytes);
    progress.message = reader.text("message", max_text_bytes);
    if (const std::optional<JsonValue> result = reader.find("result")) {
        if (result->text().size() > limits.result_bytes) reader.wrong("result", over_limit(limits.result_bytes));
        progress.result = result->text();
    }
    return reader.finish(std::move(progress));
}

// The lines of `text`, added to `lines`, of which there shall be no more than `most`. False where there are.
bool add_lines(std::string_view text, std::size_t most, std::vector<std::string>& lines) {
    while (!text.empty()) {
        if (lines.size() == most) return false;
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.push_back(jobqueue::clean_text(line, 3 * line.size()));
    }
    return true;
}

Result<WorkerRequest> read_logs(Job job, std::string_view content_type, std::string_view body,
                                const WorkerRequestLimits& limits) {
    const std::string too_many = "must be at most " + std::to_string(limits.log_lines);
    request::Logs logs{.job_id = std::move(job.id), .lease = std::move(job.lease)};
    if (!jobqueue::is_json_type(content_type)) {
        if (!add_lines(body, limits.log_lines, logs.lines)) {
            return failure(Error::Code::invalid, "the lines of the body " + too_many);
        }
        return logs;
    }

    static constexpr std::string_view names[] = {"lines", "level"};
    static constexpr std::string_view levels[] = {"", "debug", "info", "warn", "error"};
    BodyReader reader(body, names);
    logs.level = reader.text("level");
    if (std::ranges::find(levels, logs.level) == std::end(levels)) {
        reader.wrong("level", "must be debug, info, warn or error");
    }
    const std::optional<JsonValue> lines = reader.find("lines");
    if (lines && lines->kind() != JsonValue::Kind::array) {
        reader.wrong("lines", "must be a list of strings");
    } else if (lines) {
        std::string buffer;
        for (JsonParts part(*lines); part.next();) {
            const bool is_text = part.value().kind() == JsonValue::Kind::string;
            if (is_text && add_lines(part.value().string(buffer), limits.log_lines, logs.lines)) continue;
            reader.wrong("lines", is_text ? too_many : "must be a list of strings");
            break;
        }
    }
    return reader.finish(std::move(logs));
}

Result<WorkerRequest> read_complete(Job job, std::string_view content_type, std::string_view body,
                                    const WorkerRequestLimits& limits) {
    if (body.size() > limits.result_bytes) {
        return failure(Error::Code::invalid, "the result " + over_limit(limits.result_bytes));
    }
    return request::Complete{.job_id = std::move(job.id),
                             .lease = std::move(job.lease),
                             .result = std::string(body),
                             .content_type = std::string(content_type)};
}

Result<WorkerRequest> read_fail(Job job, std::string_view body) {
    static constexpr std::string_view names[] = {"error", "message", "retryable", "retryAfter"};
    BodyReader reader(body, names);
    request::Fail fail{.job_id = std::move(job.id),
                       .lease = std::move(job.lease),
                       .error = reader.text("error"),
                       .message = reader.text("message")};
    if (const std::optional<JsonValue> retryable = reader.find("retryable")) {
        if (retryable->kind() != JsonValue::Kind::boolean) reader.wrong("retryable", "must be true or false");
        fail.retryable = retryable->is_true();
    }
    if (const std::optional<JsonValue> wait = reader.find("retryAfter")) {
        fail.retry_after = jobqueue::read_duration(*wait);
        if (!fail.retry_after) reader.wrong("retryAfter", "must be " + std::string(duration_form));
        if (fail.retry_after > longest_wait) fail.retry_after = longest_wait;
    }
    return reader.finish(std::move(fail));
}

Result<WorkerRequest> read_lease(std::string_view body) {
    static constexpr std::string_view names[] = {"max", "wait", "lease"};
    BodyReader reader(body, names);
    request::LeaseRequest request;
    if (const std::optional<JsonValue> max = reader.find("max")) {
        const std::optional<std::int64_t> number = max->integer();
        if (number && *number >= 1 && *number <= 1000) {
            request.max = static_cast<int>(*number);
        } else {
            reader.wrong("max", "must be a whole number from 1 to 1000");
        }
    }
    request.wait = reader.duration("wait", 0s, 60s).value_or(Duration{0});
    request.lease = reader.duration("lease", 1ms, 24h);
    return reader.finish(request);
}

}  // namespace

Result<WorkerRequest> parse_worker_request(std::string_view path, std::string_view lease_header,
                                           std::string_view content_type, std::string_view body,
                                           const WorkerRequestLimits& limits) {
    static constexpr std::string_view prefix = "/v1/jobs/";
    static constexpr std::string_view deeds[] = {"progress", "logs", "heartbeat", "complete", "fail"};
    if (path == "/v1/lease") return read_lease(body);

    const std::size_t slash = std::min(path.rfind('/'), path.size());
    const std::string_view deed = path.substr(std::min(slash + 1, path.size()));
    if (!path.starts_with(prefix) || slash <= prefix.size() || std::ranges::find(deeds, deed) == std::end(deeds)) {
        return failure(Error::Code::not_found, "the sidecar has no " + jobqueue::clean_line(path, 256));
    }
    if (lease_header.empty()) {
        return failure(Error::Code::invalid, "header drover-lease must be the one that the job was handed over with");
    }
    Job job{std::string(path.substr(prefix.size(), slash - prefix.size())), std::string(lease_header)};
    if (deed == "progress") return read_progress(std::move(job), body, limits);
    if (deed == "logs") return read_logs(std::move(job), content_type, body, limits);
    if (deed == "complete") return read_complete(std::move(job), content_type, body, limits);
    if (deed == "fail") return read_fail(std::move(job), body);
    return BodyReader(body, {}).finish(request::Heartbeat{std::move(job.id), std::move(job.lease)});
}

}  // namespace drover::sidecar
