#include "sidecar/hand_over_headers.h"

#include <algorithm>
#include <charconv>

#include "src/base/base64.h"
#include "src/base/time.h"

namespace drover::sidecar {
namespace {

namespace header = jobqueue::header;

bool is_visible(char c) { return c > ' ' && c < 0x7f; }

// What an HTTP field value can carry as it is: visible ASCII, with spaces inside.
bool is_plain(std::string_view value) {
    if (value.empty()) return true;
    return is_visible(value.front()) && is_visible(value.back()) &&
           std::ranges::all_of(value, [](char c) { return c == ' ' || is_visible(c); });
}

bool is_token(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$&'*+-.^_`|~").find(c) != std::string_view::npos;
}

template <class Keep>
std::string percent_encode(std::string_view text, Keep keeps) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size() + 8);
    for (char c : text) {
        if (keeps(c)) {
            out.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.append({'%', digits[byte >> 4], digits[byte & 15]});
        }
    }
    return out;
}

// CloudEvents HTTP binding 1.0.2, section 3.1.3.2.
std::string cloud_event_value(std::string_view value) {
    return percent_encode(value, [](char c) { return is_visible(c) && c != '"' && c != '%'; });
}

std::string header_name(std::string_view prefix, std::string_view name) {
    return std::string(prefix) + percent_encode(name, is_token);
}

bool is_handed_over_by_name(std::string_view name) {
    return name == header::content_type || name == header::traceparent || name == "tracestate" ||
           name.starts_with("ce_") || jobqueue::is_drover_header(name);
}

}  // namespace

HandOverHeaders::HandOverHeaders(std::string queue, std::string source)
    : queue_(std::move(queue)), source_(std::move(source)) {}

std::span<const FieldView> HandOverHeaders::build(const HandOver& job) {
    fields_.clear();
    kept_count_ = 0;
    base64_names_.clear();

    if (!job.headers.content_type.empty()) add_encoded("content-type", job.headers.content_type);
    add("drover-queue", queue_);
    add_encoded("drover-job-id", job.id);
    if (!job.headers.type.empty()) add_encoded("drover-type", job.headers.type);
    add_number("drover-attempt", job.attempt);
    add_number("drover-max-attempts", job.max_attempts);
    if (job.headers.deadline) add("drover-deadline", keep(format_rfc3339(*job.headers.deadline)));
    add("drover-lease", job.lease);
    if (job.key) add_encoded("drover-key", *job.key);
    if (job.null_value) add("drover-null", "true");
    add("kafka-topic", job.record.topic);
    add_number("kafka-partition", job.record.partition);
    add_number("kafka-offset", job.record.offset);

    bool is_cloud_event = false;
    for (const FieldView& field : job.fields) {
        if (field.name == header::traceparent || field.name == "tracestate") {
            add_encoded(field.name, field.value);
        } else if (field.name.starts_with("ce_")) {
            is_cloud_event = is_cloud_event || field.name == "ce_specversion";
            add(keep(header_name("ce-", field.name.substr(3))), keep(cloud_event_value(field.value)));
        } else if (!is_handed_over_by_name(field.name)) {
            add_user_header(field);
        }
    }
    if (!is_cloud_event) {
        add("ce-specversion", "1.0");
        add("ce-id", keep(cloud_event_value(job.id)));
        add("ce-source", source_);
        add("ce-type", job.headers.type.empty() ? "dev.drover.job" : keep(cloud_event_value(job.headers.type)));
    }
    if (!base64_names_.empty()) add("drover-base64", base64_names_);
    return fields_;
}

void HandOverHeaders::add(std::string_view name, std::string_view value) { fields_.push_back({name, value}); }

void HandOverHeaders::add_encoded(std::string_view name, std::string_view value) {
    if (is_plain(value)) return add(name, value);
    add(name, keep(base64_encode(value)));
    if (!base64_names_.empty()) base64_names_ += ", ";
    base64_names_ += name;
}

void HandOverHeaders::add_number(std::string_view name, std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    add(name, keep(std::string(digits, end)));
}

std::string_view HandOverHeaders::keep(std::string text) {
    if (kept_count_ == kept_.size()) kept_.emplace_back();
    kept_[kept_count_] = std::move(text);
    return kept_[kept_count_++];
}

void HandOverHeaders::add_user_header(const FieldView& field) {
    add_encoded(keep(header_name("kafka-header-", field.name)), field.value);
}

}  // namespace drover::sidecar
