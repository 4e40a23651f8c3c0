// Reading a record's headers. On the path of every job: no allocation unless a header is wrong.
#include <array>
#include <charconv>
#include <limits>

#include "src/jobqueue/job.h"
#include "src/jobqueue/priorities.h"
#include "src/jobqueue/units.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

enum Known : std::size_t {
    id,
    type,
    run,
    attempt,
    hops,
    max_attempts,
    priority,
    due_at,
    deadline,
    timeout,
    submitted_at,
    content_type,
    traceparent,
    original_topic,
    original_partition,
    original_offset,
    original_timestamp,
    attempts,
    known_count
};
using Values = std::array<std::string_view, known_count>;

constexpr std::size_t max_id_length = 256;

// The slot of a header's name, known_count for those that nobody reads here. The length tells nearly all of them apart.
Known known(std::string_view name) {
    const auto is = [name](std::string_view other, Known slot) { return name == other ? slot : known_count; };
    switch (name.size()) {
        case header::run.size(): return is(header::run, run);
        case header::type.size():
            if (name == header::type) return type;
            if (name == header::hops) return hops;
            return is(header::traceparent, traceparent);
        case header::content_type.size(): return is(header::content_type, content_type);
        case header::job_id.size():
            if (name == header::job_id) return id;
            return is(header::due_at, due_at);
        case header::attempt.size():
            if (name == header::attempt) return attempt;
            return is(header::timeout, timeout);
        case header::priority.size():
            if (name == header::priority) return priority;
            if (name == header::deadline) return deadline;
            return is(header::attempts, attempts);
        case header::max_attempts.size():
            if (name == header::max_attempts) return max_attempts;
            return is(header::submitted_at, submitted_at);
        case header::original_topic.size(): return is(header::original_topic, original_topic);
        case header::original_offset.size(): return is(header::original_offset, original_offset);
        case header::original_partition.size():
            if (name == header::original_partition) return original_partition;
            return is(header::original_timestamp, original_timestamp);
        default: return known_count;
    }
}

tl::unexpected<Error> wrong(std::string_view name, std::string_view value, std::string_view what) {
    return failure(Error::Code::invalid,
                   "header " + std::string(name) + ": '" + clean_line(value, 64) + "' is not " + std::string(what));
}

template <class Number>
std::optional<Number> whole_number(std::string_view text, Number least) {
    Number value{};
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end || value < least) return std::nullopt;
    return value;
}

bool has_control(std::string_view text) {
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
    return false;
}

// https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id and flags in lower-case hex;
// later versions may go on after a dash.
bool is_traceparent(std::string_view text) {
    if (text.size() < 55 || (text.size() > 55 && (text[55] != '-' || text.substr(0, 2) == "00"))) return false;
    if (text.size() > 512 || text.substr(0, 2) == "ff" || has_control(text)) return false;
    for (std::size_t i = 0; i < 55; ++i) {
        const char c = text[i];
        const bool dash = i == 2 || i == 35 || i == 52;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    constexpr auto only_zeros = std::string_view::npos;
    return text.substr(3, 32).find_first_not_of('0') != only_zeros &&
           text.substr(36, 16).find_first_not_of('0') != only_zeros;
}

Result<std::optional<Origin>> read_original(const Values& values) {
    if (values[original_topic].empty() && values[original_partition].empty() && values[original_offset].empty())
        return std::nullopt;
    if (values[original_topic].empty() || has_control(values[original_topic]))
        return wrong(header::original_topic, values[original_topic], "a topic");
    const auto partition = whole_number<int>(values[original_partition], 0);
    if (!partition) return wrong(header::original_partition, values[original_partition], "a partition");
    const auto offset = whole_number<std::int64_t>(values[original_offset], 0);
    if (!offset) return wrong(header::original_offset, values[original_offset], "an offset");
    Origin origin{values[original_topic], *partition, *offset, Time{}};
    if (!values[original_timestamp].empty()) {
        const auto timestamp = parse_rfc3339(values[original_timestamp]);
        if (!timestamp) return wrong(header::original_timestamp, values[original_timestamp], "an RFC 3339 time");
        origin.timestamp = *timestamp;
    }
    return origin;
}

}  // namespace

Result<JobHeaders> parse_job_headers(std::span<const FieldView> headers) {
    // First the last value of each, then what they mean: an earlier one that is wrong does no harm.
    Values values{};
    for (const auto& field : headers)
        if (const Known slot = known(field.name); slot != known_count) values[slot] = field.value;

    JobHeaders job;
    job.id = values[id];
    if (job.id.size() > max_id_length || has_control(job.id))
        return wrong(header::job_id, job.id, "an id: at most 256 bytes without control characters");
    job.type = values[type];
    if (has_control(job.type)) return wrong(header::type, job.type, "a type: it has control characters");
    job.content_type = values[content_type];
    if (has_control(job.content_type))
        return wrong(header::content_type, job.content_type, "a content type: it has control characters");
    job.priority = values[priority];
    if (!job.priority.empty() && !lane_rank(job.priority)) return wrong(header::priority, job.priority, "a priority");
    // The standard wants a trace context that is not one to be ignored, not to fail anything.
    if (is_traceparent(values[traceparent])) job.traceparent = values[traceparent];
    job.attempts = values[attempts];

    const auto number = [&values](Known slot, int least, auto& out) {
        if (values[slot].empty()) return true;
        const auto value = whole_number<int>(values[slot], least);
        if (value) out = *value;
        return value.has_value();
    };
    if (!number(run, 0, job.run)) return wrong(header::run, values[run], "a whole number from 0");
    if (!number(attempt, 0, job.attempts_made)) return wrong(header::attempt, values[attempt], "a whole number from 0");
    if (!number(hops, 0, job.hops)) return wrong(header::hops, values[hops], "a whole number from 0");
    if (!number(max_attempts, 1, job.max_attempts))
        return wrong(header::max_attempts, values[max_attempts], "a whole number from 1");

    const auto time = [&values](Known slot, std::optional<Time>& out) {
        if (values[slot].empty()) return true;
        out = parse_rfc3339(values[slot]);
        return out.has_value();
    };
    if (!time(due_at, job.due_at)) return wrong(header::due_at, values[due_at], "an RFC 3339 time");
    if (!time(deadline, job.deadline)) return wrong(header::deadline, values[deadline], "an RFC 3339 time");
    if (!time(submitted_at, job.submitted_at))
        return wrong(header::submitted_at, values[submitted_at], "an RFC 3339 time");

    if (!values[timeout].empty()) {
        job.timeout = parse_duration(values[timeout]);
        if (!job.timeout || *job.timeout < std::chrono::milliseconds(1) || *job.timeout > std::chrono::hours(24))
            return wrong(header::timeout, values[timeout], "a duration from 1ms to 24h, such as 30s");
    }

    auto original = read_original(values);
    if (!original) return tl::unexpected<Error>(std::move(original.error()));
    job.original = *original;
    return job;
}

JobHeaders readable_job_headers(std::span<const FieldView> headers) {
    if (const auto all = parse_job_headers(headers)) return *all;
    // The coordinates are only good together.
    const auto is_coordinate = [](const FieldView& field) { return field.name.starts_with("drover-original-"); };
    std::vector<FieldView> good;
    for (const auto& field : headers)
        if (is_coordinate(field) || parse_job_headers({&field, 1})) good.push_back(field);
    if (const auto most = parse_job_headers(good)) return *most;
    std::erase_if(good, is_coordinate);
    return parse_job_headers(good).value_or(JobHeaders{});
}

bool is_drover_header(std::string_view name) { return name.starts_with("drover-") || name.starts_with("__dlq."); }

}  // namespace drover::jobqueue
