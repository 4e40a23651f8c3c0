#include "src/letters/dead_letter.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "src/jobqueue/units.h"

namespace drover::letters {
namespace {

using nlohmann::json;
namespace header = jobqueue::header;

constexpr std::size_t max_attempts_text = 64 * 1024;

std::string text_of(const json& entry, const char* name) {
    const auto found = entry.find(name);
    return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<jobqueue::AttemptRecord> attempts_of(std::string_view text) {
    std::vector<jobqueue::AttemptRecord> attempts;
    if (text.empty() || text.size() > max_attempts_text) return attempts;
    const json list = json::parse(text, nullptr, false);
    if (!list.is_array()) return attempts;
    for (const json& entry : list) {
        if (!entry.is_object()) continue;
        jobqueue::AttemptRecord attempt{.attempt = 0};
        if (const auto number = entry.find("attempt"); number != entry.end() && number->is_number_integer())
            attempt.attempt = static_cast<int>(std::clamp<std::int64_t>(number->get<std::int64_t>(), 0, 1'000'000));
        attempt.at = parse_rfc3339(text_of(entry, "at")).value_or(Time{});
        attempt.pod = text_of(entry, "pod");
        attempt.outcome = text_of(entry, "outcome");
        attempts.push_back(std::move(attempt));
    }
    return attempts;
}

bool among(const std::vector<std::string>& wanted, const std::string& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

}  // namespace

DeadLetter read_dead_letter(const LetterRecord& record) {
    const jobqueue::JobHeaders job = jobqueue::readable_job_headers(record.fields);
    DeadLetter letter{.partition = record.partition, .offset = record.offset, .failed_at = record.timestamp};
    letter.job_id =
        jobqueue::job_id(job, record.fields, {record.topic, record.partition, record.offset, record.timestamp});
    letter.type = job.type;
    letter.run = job.run;
    letter.attempts_made = job.attempts_made;
    letter.attempts = attempts_of(job.attempts);
    if (job.original)
        letter.origin = LetterOrigin{std::string(job.original->topic), job.original->partition, job.original->offset,
                                     job.original->timestamp};
    letter.submitted_at = job.submitted_at;
    if (!letter.submitted_at && letter.origin) letter.submitted_at = letter.origin->timestamp;
    for (const FieldView& field : record.fields) {  // of a repeated name the last counts
        if (field.name == header::error_class)
            letter.error_class = field.value;
        else if (field.name == header::dlq_message)
            letter.message = field.value;
        else if (field.name == header::error_status)
            letter.status = field.value;
        else if (field.name == header::error_response)
            letter.response = field.value;
        else if (field.name == header::labels)
            letter.labels = field.value;
        else if (field.name == header::dlq_group)
            letter.group = field.value;
        else if (field.name == header::payload_left_out)
            letter.payload_left_out = field.value == "true";
        else if (field.name == header::failed_at)
            letter.failed_at = parse_rfc3339(field.value).value_or(record.timestamp);
    }
    return letter;
}

bool DeadLetterFilter::matches(const DeadLetter& letter) const {
    return among(jobs, letter.job_id) && among(errors, letter.error_class) && (type.empty() || type == letter.type) &&
           (!since || letter.failed_at >= *since) && (!until || letter.failed_at < *until);
}

std::optional<Time> parse_moment(std::string_view text, Time now) {
    if (const auto ago = jobqueue::parse_duration(text)) return now - *ago;
    return parse_rfc3339(text);
}

}  // namespace drover::letters
