#include "gateway/core/delayed_record.h"

#include <bit>
#include <charconv>
#include <cstring>

#include <nlohmann/json.hpp>

#include "gateway/core/schedule.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway {
namespace {

constexpr std::string_view topic_header = "drover-delayed-topic";
constexpr std::string_view queue_header = "drover-delayed-queue";
constexpr std::string_view key_header = "drover-delayed-key";
constexpr std::string_view own_headers = "drover-delayed-";
constexpr std::string_view cancel_prefix = "cancel/";
constexpr std::string_view mark_prefix = "mark/";
constexpr std::size_t longest_text = 1024;

// As Apache Kafka's org.apache.kafka.common.utils.Utils.murmur2.
std::uint32_t murmur2(std::string_view bytes) {
    constexpr std::uint32_t m = 0x5bd1e995;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
    std::uint32_t hash = 0x9747b28cU ^ static_cast<std::uint32_t>(bytes.size());
    std::size_t i = 0;
    for (; i + 4 <= bytes.size(); i += 4) {
        std::uint32_t word = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
        word *= m;
        word ^= word >> 24;
        word *= m;
        hash = hash * m ^ word;
    }
    switch (bytes.size() - i) {
        case 3: hash ^= byte(i + 2) << 16; [[fallthrough]];
        case 2: hash ^= byte(i + 1) << 8; [[fallthrough]];
        case 1: hash = (hash ^ byte(i)) * m; break;
        default: break;
    }
    hash ^= hash >> 13;
    hash *= m;
    return hash ^ hash >> 15;
}

std::optional<std::string_view> find(std::span<const FieldView> headers, std::string_view name) {
    std::optional<std::string_view> found;
    for (const FieldView& each : headers) {
        if (each.name == name) found = each.value;
    }
    return found;
}

tl::unexpected<Error> refuse(std::string_view key, std::string_view what) {
    return failure(Error::Code::invalid, jobqueue::clean_line(key, 200) + ": " + std::string(what));
}

Result<DelayedRecord> parse_cancel(std::string_view key, std::string_view value) {
    const auto json = jobqueue::read_json(value);
    if (!json || json->kind() != jobqueue::JsonValue::Kind::object) return refuse(key, "its value is no JSON object");
    DelayedCancel cancel{
        .job_id = std::string(key.substr(cancel_prefix.size())), .control_topic = {}, .by = {}, .reason = {}};
    std::string name_buffer, buffer;
    for (jobqueue::JsonParts part(*json); part.next();) {
        const std::string_view name = part.name(name_buffer);
        const std::string_view text = part.value().string(buffer);
        if (name == "controlTopic") cancel.control_topic = text;
        if (name == "by") cancel.by = jobqueue::clean_text(text, longest_text);
        if (name == "reason") cancel.reason = jobqueue::clean_text(text, longest_text);
        if (name == "at") cancel.at = parse_rfc3339(text).value_or(Time{});
    }
    return delayed::Cancels{std::move(cancel)};
}

// --- packing: each text after its length, a missing one as the largest length there is

constexpr std::uint32_t missing = 0xFFFFFFFF;

void add_length(std::string& out, std::uint32_t length) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(length >> shift & 0xFF));
}

void add(std::string& out, const std::optional<std::string_view>& text) {
    if (!text) return add_length(out, missing);
    add_length(out, static_cast<std::uint32_t>(text->size()));
    out += *text;
}

class Unpacker {
public:
    explicit Unpacker(std::string_view packed) : rest_(packed) {}

    std::uint32_t length() {
        if (rest_.size() < 4) {
            broken_ = true;
            return 0;
        }
        std::uint32_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            length |= static_cast<std::uint32_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
        }
        rest_.remove_prefix(4);
        return length;
    }

    std::optional<std::string> optional_text() {
        const std::uint32_t size = length();
        if (broken_ || size == missing) return std::nullopt;
        if (rest_.size() < size) {
            broken_ = true;
            return std::nullopt;
        }
        std::string text(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return text;
    }

    std::string text() {
        std::optional<std::string> found = optional_text();
        broken_ = broken_ || !found;
        return std::move(found).value_or("");
    }

    bool broken() const { return broken_; }
    bool at_end() const { return !broken_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool broken_ = false;
};

}  // namespace

int partition_of(std::string_view key, int partitions) {
    return static_cast<int>(murmur2(key) & 0x7FFFFFFF) % partitions;
}

DelayedMessage delayed_message(const JobOrder& order, std::string_view queue) {
    DelayedMessage message{.key = order.id, .value = order.value, .headers = order.headers, .partition = {}};
    std::erase_if(message.headers, [](const Field& each) {
        return each.name == jobqueue::header::due_at || each.name.starts_with(own_headers);
    });
    // Never earlier than it was asked for.
    const Time due = std::chrono::ceil<std::chrono::milliseconds>(order.due.value_or(Time{}));
    message.headers.push_back({std::string(jobqueue::header::due_at), format_rfc3339(due)});
    message.headers.push_back({std::string(topic_header), order.topic});
    message.headers.push_back({std::string(queue_header), std::string(queue)});
    if (order.key) message.headers.push_back({std::string(key_header), *order.key});
    return message;
}

DelayedMessage cancel_message(const DelayedCancel& cancel, int partitions) {
    std::string value = R"({"controlTopic":)";
    jobqueue::append_json_string(value, cancel.control_topic);
    value += R"(,"by":)";
    jobqueue::append_json_string(value, cancel.by);
    value += R"(,"reason":)";
    jobqueue::append_json_string(value, cancel.reason);
    value += R"(,"at":)";
    jobqueue::append_json_string(value, format_rfc3339(cancel.at));
    value += "}";
    return {.key = std::string(cancel_prefix) + cancel.job_id,
            .value = std::move(value),
            .headers = {},
            .partition = partition_of(cancel.job_id, partitions)};
}

DelayedMessage cancel_done_message(std::string_view job_id, int partition) {
    return {
        .key = std::string(cancel_prefix) + std::string(job_id), .value = {}, .headers = {}, .partition = partition};
}

DelayedMessage mark_message(int partition, std::string_view token) {
    return {.key = std::string(mark_prefix) + std::to_string(partition),
            .value = std::string(token),
            .headers = {},
            .partition = partition};
}

Result<DelayedRecord> parse_delayed(std::optional<std::string_view> key, std::optional<std::string_view> value,
                                    std::span<const FieldView> headers) {
    if (!key || key->empty()) return failure(Error::Code::invalid, "a record without a key");
    if (key->starts_with(mark_prefix)) return delayed::Mark{value.value_or("")};
    if (key->starts_with(schedule_run_prefix)) return delayed::ScheduleState{*key, value};
    if (key->starts_with(cancel_prefix)) {
        if (!value) return delayed::CancelDone{key->substr(cancel_prefix.size())};
        return parse_cancel(*key, *value);
    }
    // A job without a payload is no tombstone: it has headers.
    if (!value && headers.empty()) return delayed::Gone{*key};
    const auto topic = find(headers, topic_header), queue = find(headers, queue_header),
               due_at = find(headers, jobqueue::header::due_at);
    if (!topic || topic->empty()) return refuse(*key, "there is no header " + std::string(topic_header));
    const std::optional<Time> due = due_at ? parse_rfc3339(*due_at) : std::nullopt;
    if (!due) return refuse(*key, std::string(jobqueue::header::due_at) + " is no RFC 3339 time");
    return delayed::Waits{*key, queue.value_or(""), *topic, *due};
}

KeptJob kept_job(const delayed::Waits& waits, std::optional<std::string_view> value,
                 std::span<const FieldView> headers) {
    KeptJob job{.job_id = std::string(waits.job_id),
                .queue = std::string(waits.queue),
                .topic = std::string(waits.topic),
                .key = {},
                .value = {},
                .headers = {}};
    if (const auto key = find(headers, key_header)) job.key = std::string(*key);
    if (value) job.value = std::string(*value);
    for (const FieldView& each : headers) {
        if (!each.name.starts_with(own_headers))
            job.headers.push_back({std::string(each.name), std::string(each.value)});
    }
    return job;
}

std::string pack(const KeptJob& job) {
    std::string out;
    add(out, job.job_id);
    add(out, job.queue);
    add(out, job.topic);
    add(out, job.key);
    add(out, job.value);
    add_length(out, static_cast<std::uint32_t>(job.headers.size()));
    for (const Field& each : job.headers) {
        add(out, each.name);
        add(out, each.value);
    }
    return out;
}

std::optional<KeptJob> unpack(std::string_view packed) {
    Unpacker from(packed);
    KeptJob job;
    job.job_id = from.text();
    job.queue = from.text();
    job.topic = from.text();
    job.key = from.optional_text();
    job.value = from.optional_text();
    const std::uint32_t count = from.length();
    for (std::uint32_t i = 0; i < count && !from.broken(); ++i) {
        std::string name = from.text();
        job.headers.push_back({std::move(name), from.text()});
    }
    if (!from.at_end()) return std::nullopt;
    return job;
}

}  // namespace drover::gateway
