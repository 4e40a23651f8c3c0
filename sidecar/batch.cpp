#include "sidecar/batch.h"

#include <algorithm>
#include <utility>

#include "src/base/base64.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/units.h"
#include "src/jobqueue/utf8.h"

namespace drover::sidecar {
namespace {

using jobqueue::append_json_number;
using jobqueue::append_json_string;
using jobqueue::JsonParts;
using jobqueue::JsonValue;
using Verdict = Outcome::Verdict;

// --- the request

// ,"name":"value", or ,"nameBase64":"…" for bytes that are not UTF-8.
void append_text(std::string& out, std::string_view name, std::string_view value) {
    const std::size_t before = out.size();
    out.append(",\"").append(name).append("\":");
    if (append_json_string(out, value)) return;
    out.resize(before);
    out.append(",\"").append(name).append("Base64\":\"").append(base64_encode(value)).push_back('"');
}

void append_number(std::string& out, std::string_view name, int value) {
    out.append(",\"").append(name).append("\":");
    append_json_number(out, value);
}

// Different names stay different.
void append_header_name(std::string& out, std::string_view name) {
    static constexpr char digits[] = "0123456789ABCDEF";
    if (name.find('%') == std::string_view::npos && !jobqueue::find_invalid_utf8(name)) {
        append_json_string(out, name);
        return;
    }
    std::string encoded;
    while (!name.empty()) {
        const std::size_t length = name.front() == '%' ? 0 : jobqueue::utf8_length(name);
        if (length == 0) {
            const auto byte = static_cast<unsigned char>(name.front());
            encoded.append({'%', digits[byte >> 4], digits[byte & 15]});
        } else {
            encoded += name.substr(0, length);
        }
        name.remove_prefix(std::max<std::size_t>(length, 1));
    }
    append_json_string(out, encoded);
}

// The user's headers, the last of each name. Sorted, since a record can have a hundred thousand.
std::vector<const FieldView*> user_headers(std::span<const FieldView> fields) {
    std::vector<const FieldView*> headers;
    headers.reserve(fields.size());
    for (const FieldView& field : fields) {
        if (!jobqueue::is_drover_header(field.name)) headers.push_back(&field);
    }
    std::ranges::sort(headers, [](const FieldView* a, const FieldView* b) {
        const int order = a->name.compare(b->name);
        return order != 0 ? order < 0 : a > b;
    });
    const auto same_name = [](const FieldView* a, const FieldView* b) { return a->name == b->name; };
    headers.erase(std::unique(headers.begin(), headers.end(), same_name), headers.end());
    return headers;
}

void append_headers(std::string& out, std::span<const FieldView> fields) {
    out += ",\"headers\":{";
    std::vector<const FieldView*> binary;
    bool first = true;
    const std::vector<const FieldView*> headers = user_headers(fields);
    for (const FieldView* header : headers) {
        const std::size_t before = out.size();
        if (!first) out.push_back(',');
        append_header_name(out, header->name);
        out.push_back(':');
        if (append_json_string(out, header->value)) {
            first = false;
        } else {
            out.resize(before);
            binary.push_back(header);
        }
    }
    out.push_back('}');
    if (binary.empty()) return;
    out += ",\"headersBase64\":{";
    for (const FieldView* header : binary) {
        if (header != binary.front()) out.push_back(',');
        append_header_name(out, header->name);
        out.append(":\"").append(base64_encode(header->value)).push_back('"');
    }
    out.push_back('}');
}

void append_payload(std::string& out, const BatchItem& item) {
    if (!item.payload) {
        out += ",\"payload\":null";
    } else if ((item.content_type.empty() || jobqueue::is_json_type(item.content_type)) &&
               jobqueue::json_fault(*item.payload).empty()) {
        out.append(",\"payload\":").append(*item.payload);
    } else {
        append_text(out, "payload", *item.payload);
    }
}

void append_item(std::string& out, const BatchItem& item) {
    out += "{\"id\":";
    append_json_string(out, item.id);
    append_number(out, "attempt", item.attempt);
    append_number(out, "maxAttempts", item.max_attempts);
    if (item.key) append_text(out, "key", *item.key);
    append_text(out, "lease", item.lease);
    if (!item.type.empty()) append_text(out, "type", item.type);
    if (item.deadline) append_text(out, "deadline", format_rfc3339(*item.deadline));
    append_headers(out, item.fields);
    append_payload(out, item);
    out.push_back('}');
}

// --- the answer

constexpr std::size_t max_excerpt_bytes = 4096;

Outcome retry(int status, std::string error_class, std::string message, std::string_view response) {
    return {.verdict = Verdict::retry,
            .cause = {.error_class = std::move(error_class),
                      .message = std::move(message),
                      .status = status,
                      .response = std::string(response.substr(0, max_excerpt_bytes))}};
}

// What the log should know, each kind of thing once, with its number and the first example.
class Oddities {
public:
    struct Oddity {
        std::string_view what;
        std::size_t count = 0;
        std::string example;
    };

    void note(std::string_view what, std::string_view example) {
        auto found = std::ranges::find(list_, what, &Oddity::what);
        if (found == list_.end()) {
            found = list_.insert(found, {what, 0, jobqueue::clean_line(example, 100)});
        }
        ++found->count;
    }

    std::string text() const {
        std::string text;
        for (const Oddity& oddity : list_) {
            if (!text.empty()) text += "; ";
            text.append(oddity.what).append(": ").append(std::to_string(oddity.count));
            text.append(", such as ").append(oddity.example);
        }
        return text;
    }

private:
    std::vector<Oddity> list_;
};

// Which jobs have an id.
class JobsById {
public:
    explicit JobsById(std::span<const std::string_view> ids) : ids_(ids), written_(ids.size()) {
        order_.reserve(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            // As write_batch() writes it: that is what the app has seen.
            if (jobqueue::find_invalid_utf8(ids[i])) written_[i] = jobqueue::clean_text(ids[i], 3 * ids[i].size());
            order_.push_back(i);
        }
        std::ranges::stable_sort(order_, {}, [this](std::size_t i) { return id(i); });
    }

    std::span<const std::size_t> find(std::string_view wanted) const {
        const auto id_of = [this](std::size_t i) { return id(i); };
        const auto first = std::ranges::lower_bound(order_, wanted, {}, id_of);
        return {first, std::ranges::upper_bound(first, order_.end(), wanted, {}, id_of)};
    }

private:
    std::string_view id(std::size_t i) const { return written_[i].empty() ? ids_[i] : written_[i]; }

    std::span<const std::string_view> ids_;
    std::vector<std::string> written_;  // "" where it is the id itself
    std::vector<std::size_t> order_;    // by id
};

struct ItemFields {
    std::optional<JsonValue> id, outcome, retry_after, result, error, message;

    explicit ItemFields(const JsonValue& item) {
        std::string buffer;
        for (JsonParts part(item); part.next();) {
            const std::string_view name = part.name(buffer);
            if (name == "id") id = part.value();
            if (name == "outcome") outcome = part.value();
            if (name == "retryAfter") retry_after = part.value();
            if (name == "result") result = part.value();
            if (name == "error") error = part.value();
            if (name == "message") message = part.value();
        }
    }
};

bool has_value(const std::optional<JsonValue>& field) { return field && field->kind() != JsonValue::Kind::null; }

// A string's characters, of another value what is written.
std::string text_of(const std::optional<JsonValue>& field) {
    if (!has_value(field)) return {};
    std::string buffer;
    if (field->kind() != JsonValue::Kind::string) return std::string(field->text());
    return std::string(field->string(buffer));
}

std::optional<Duration> parse_wait(const JsonValue& field, Time now) {
    std::string buffer;
    if (const std::optional<Duration> wait = parse_retry_after(field.string(buffer), now)) return wait;
    const std::optional<Duration> wait = jobqueue::read_duration(field);
    return wait ? std::optional(std::min(*wait, longest_wait)) : std::nullopt;
}

int severity(Verdict verdict) {
    switch (verdict) {
        case Verdict::done: return 1;
        case Verdict::dead: return 3;
        default: return 2;
    }
}

class AnswerReader {
public:
    AnswerReader(int status, std::span<const std::string_view> ids, std::size_t max_result_bytes, Time now)
        : status_(status),
          max_result_bytes_(max_result_bytes),
          now_(now),
          jobs_(ids),
          severities_(ids.size(), 0),
          answer_{.outcomes = std::vector<Outcome>(ids.size()), .results = std::vector<std::string>(ids.size())} {}

    void read(const JsonValue& item) {
        const ItemFields fields(item);
        if (!fields.id || fields.id->kind() != JsonValue::Kind::string) {
            return oddities_.note("entries of the results without an id", item.text());
        }
        std::string buffer;
        const std::string_view id = fields.id->string(buffer);
        const std::span<const std::size_t> jobs = jobs_.find(id);
        if (jobs.empty()) return oddities_.note("results of jobs that are not in the batch", id);

        const Outcome outcome = outcome_of(item, fields);
        const std::string_view result = result_of(id, fields);
        for (const std::size_t job : jobs) {
            if (severities_[job] != 0) oddities_.note("more than one result for a job", id);
            if (severity(outcome.verdict) <= severities_[job]) continue;
            severities_[job] = severity(outcome.verdict);
            answer_.outcomes[job] = outcome;
            answer_.results[job] = result;
        }
    }

    BatchAnswer finish() {
        for (std::size_t job = 0; job < severities_.size(); ++job) {
            if (severities_[job] != 0) continue;
            answer_.outcomes[job] =
                retry(status_, "MissingResult", "the worker's answer to the batch has no result for this job", {});
        }
        answer_.problem = oddities_.text();
        return std::move(answer_);
    }

private:
    Outcome outcome_of(const JsonValue& item, const ItemFields& fields) {
        std::string buffer;
        const std::optional<Verdict> verdict =
            fields.outcome ? parse_verdict(fields.outcome->string(buffer)) : std::nullopt;
        if (!verdict) {
            const std::string said = fields.outcome ? std::string(fields.outcome->text().substr(0, 100)) : "nothing";
            return retry(status_, "InvalidOutcome", "the worker answered with an unknown outcome for this job: " + said,
                         item.text());
        }
        std::optional<Duration> wait;
        if (has_value(fields.retry_after)) {
            wait = parse_wait(*fields.retry_after, now_);
            if (!wait) oddities_.note("retryAfter that is no time", fields.retry_after->text());
        }
        Outcome outcome = reported(*verdict, text_of(fields.error), text_of(fields.message), wait);
        if (*verdict == Verdict::done) return outcome;
        outcome.cause.status = status_;
        outcome.cause.response = item.text().substr(0, max_excerpt_bytes);
        return outcome;
    }

    std::string_view result_of(std::string_view id, const ItemFields& fields) {
        if (!has_value(fields.result)) return {};
        if (fields.result->text().size() <= max_result_bytes_) return fields.result->text();
        oddities_.note("results over the limit", id);
        return {};
    }

    int status_;
    std::size_t max_result_bytes_;
    Time now_;
    JobsById jobs_;
    std::vector<int> severities_;  // of the outcome so far, 0 for none
    BatchAnswer answer_;
    Oddities oddities_;
};

BatchAnswer invalid_answer(int status, std::string_view body, std::size_t jobs, const std::string& what) {
    const std::string problem = "the worker's answer to the batch " + what;
    return {.outcomes = std::vector<Outcome>(jobs, retry(status, "InvalidBatchAnswer", problem, body)),
            .results = std::vector<std::string>(jobs),
            .problem = problem};
}

}  // namespace

void write_batch(std::span<const BatchItem> items, std::string& out) {
    out = "[";
    for (const BatchItem& item : items) {
        if (&item != items.data()) out.push_back(',');
        append_item(out, item);
    }
    out.push_back(']');
}

BatchAnswer read_batch_answer(int status, std::string_view body, std::span<const std::string_view> ids,
                              std::size_t max_result_bytes, Time now) {
    if (body.empty()) return {std::vector<Outcome>(ids.size()), std::vector<std::string>(ids.size()), {}};

    const Result<JsonValue> answer = jobqueue::read_json(body);
    if (!answer) return invalid_answer(status, body, ids.size(), answer.error().message);
    std::optional<JsonValue> results;
    std::string buffer;
    for (JsonParts part(*answer); part.next();) {
        if (part.name(buffer) == "results") results = part.value();
    }
    if (!results || results->kind() != JsonValue::Kind::array) {
        return invalid_answer(status, body, ids.size(), "has no list of results");
    }
    AnswerReader reader(status, ids, max_result_bytes, now);
    for (JsonParts part(*results); part.next();) reader.read(part.value());
    return reader.finish();
}

}  // namespace drover::sidecar
