#include "gateway/core/job_filter.h"

#include <algorithm>
#include <tuple>

#include "gateway/core/json_object.h"
#include "src/base/base64.h"

namespace drover::gateway {
namespace {

using jobqueue::JsonValue;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A value of another kind than a string is compared as it is written.
bool has_label(std::string_view labels, std::string_view name, std::optional<std::string_view> wanted) {
    const auto json = jobqueue::read_json(labels);
    bool has = false;
    if (json) {
        read_members(*json, [&](std::string_view label, const JsonValue& value) {
            std::string buffer;
            const bool is_text = value.kind() == JsonValue::Kind::string;
            has = label == name && (!wanted || *wanted == (is_text ? value.string(buffer) : value.text()));
            return !has;
        });
    }
    return has;
}

bool has_label(std::string_view labels, std::string_view filter) {
    if (has_label(labels, filter, std::nullopt)) return true;  // a name that has a "=" itself
    const std::size_t sign = filter.find('=');
    return sign != std::string_view::npos && has_label(labels, filter.substr(0, sign), filter.substr(sign + 1));
}

bool tells(const Job& job, std::string_view text) {
    return has_text(job.key.id, text) || has_text(job.type, text) || has_text(job.labels, text) ||
           (job.error && (has_text(job.error->message, text) || has_text(job.error->error_class, text)));
}

// Base64 for URLs (RFC 4648, 5), without padding.
std::string to_url_base64(std::string_view bytes) {
    std::string text = base64_encode(bytes);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    std::erase(text, '=');
    return text;
}

std::optional<std::string> from_url_base64(std::string_view text) {
    std::string padded(text);
    if (padded.find_first_of("+/=") != std::string::npos) return std::nullopt;
    std::ranges::replace(padded, '-', '+');
    std::ranges::replace(padded, '_', '/');
    padded.append((4 - padded.size() % 4) % 4, '=');
    return base64_decode(padded);
}

}  // namespace

bool looks_inside(const JobFilter& filter) {
    return !filter.type.empty() || !filter.error_class.empty() || !filter.label.empty() || !filter.text.empty();
}

bool matches(const JobFilter& filter, const Job& job) {
    if (!filter.type.empty() && filter.type != job.type) return false;
    if (!filter.error_class.empty() && (!job.error || filter.error_class != job.error->error_class)) return false;
    if (!filter.label.empty() && !has_label(job.labels, filter.label)) return false;
    return filter.text.empty() || tells(job, filter.text);
}

bool has_text(std::string_view text, std::string_view wanted) {
    const auto same = [](char a, char b) { return lower(a) == lower(b); };
    return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), same) != text.end() || wanted.empty();
}

JobCursor cursor_of(const Job& job) { return {job.submitted_at, job.key.id, job.key.queue}; }

bool is_listed_before(const JobCursor& a, const JobCursor& b) {
    return std::tie(a.submitted_at, a.id, a.queue) > std::tie(b.submitted_at, b.id, b.queue);
}

std::string write_cursor(const JobCursor& cursor) {
    std::string json;
    {
        ObjectWriter object(json);
        object.time("at", cursor.submitted_at);
        object.text("id", cursor.id);
        object.text("queue", cursor.queue);
    }
    return to_url_base64(json);
}

std::optional<JobCursor> read_cursor(std::string_view text) {
    const auto bytes = from_url_base64(text);
    const auto json = bytes ? jobqueue::read_json(*bytes) : failure(Error::Code::invalid, "not base64");
    if (!json) return std::nullopt;
    JobCursor cursor;
    const bool is_read = read_members(*json, [&](std::string_view name, const JsonValue& member) {
        if (name == "at") return read(member, cursor.submitted_at);
        if (name == "id") return read(member, cursor.id);
        return name == "queue" && read(member, cursor.queue);
    });
    if (!is_read || cursor.id.empty() || cursor.queue.empty() || write_cursor(cursor) != text) return std::nullopt;
    return cursor;
}

}  // namespace drover::gateway
