// Input: name NUL value NUL name NUL value …
#include <algorithm>
#include <cstdint>
#include <vector>

#include "src/jobqueue/job.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace drover;
using namespace drover::jobqueue;
using Fields = std::vector<FieldView>;

constexpr std::size_t max_causes = 16 * 1024;

Fields split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find('\0'), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    Fields fields;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) fields.push_back({parts[i], parts[i + 1]});
    return fields;
}

Fields views(const std::vector<Field>& fields) {
    Fields result;
    for (const auto& field : fields) result.push_back({field.name, field.value});
    return result;
}

std::vector<Field> users(const Fields& fields) {
    std::vector<Field> result;
    for (const auto& field : fields)
        if (!is_drover_header(field.name)) result.push_back({std::string(field.name), std::string(field.value)});
    return result;
}

std::size_t causes_size(const Fields& fields) {
    std::size_t size = 0;
    for (const auto& field : fields)
        for (const auto name : {header::attempts, header::error_class, header::error_status, header::error_message,
                                header::error_response, header::dlq_message})
            if (field.name == name) size += field.value.size();
    return size;
}

void check_onward(const Fields& before, const Fields& after, std::string_view id, const Origin& original) {
    EXPECT_HOLDS(users(before) == users(after));
    EXPECT_HOLDS(causes_size(after) <= max_causes);
    const auto job = parse_job_headers(after);
    EXPECT_HOLDS(job.has_value());
    EXPECT_HOLDS(job->id == id && job->attempts_made == 2);
    EXPECT_HOLDS(job->original && job->original->topic == original.topic &&
                 job->original->partition == original.partition && job->original->offset == original.offset);
    EXPECT_HOLDS(job_id(*job, after, {"elsewhere", 9, 9, Time{}}) == id);
}

// A redrive of it, good or bad, can be read.
void check_redrive(const Fields& letter) {
    const auto again = redrive_headers(letter, "id", 7, Time{});
    const auto job = parse_job_headers(views(again));
    EXPECT_HOLDS(job.has_value());
    EXPECT_HOLDS(job->id == "id" && job->run == 7 && job->attempts_made == 0 && !job->original);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Fields fields = split(text);
    const Origin record{"email", 3, 42, Time{}};
    const Cause cause{std::string(text.substr(0, size / 2)), std::string(text), static_cast<int>(size),
                      std::string(text.substr(size / 2))};
    const AttemptRecord attempt{2, Time{}, std::string(text), cause.error_class};

    check_redrive(fields);
    const auto job = parse_job_headers(fields);
    if (!job) {
        // What cannot be read still becomes a dead letter.
        EXPECT_HOLDS(job.error().message.starts_with("header "));
        const auto dead = dead_letter_headers(fields, {}, record, "id", "group", 2, Time{}, cause, nullptr);
        EXPECT_HOLDS(users(fields) == users(views(dead)));
        EXPECT_HOLDS(causes_size(views(dead)) <= max_causes);
        return 0;
    }
    const auto id = job_id(*job, fields, record);
    EXPECT_HOLDS(!id.empty());
    const Origin& original = job->original ? *job->original : record;
    // An id from coordinates can be longer than one that is read: topics are at most 249 bytes in Kafka, here they are
    // not.
    if (id.size() > 256) return 0;
    const auto retry = retry_headers(fields, *job, record, id, 2, Time{}, cause, &attempt);
    check_onward(fields, views(retry), id, original);
    const auto dead = dead_letter_headers(fields, *job, record, id, "group", 2, Time{}, cause, &attempt);
    check_onward(fields, views(dead), id, original);
    return 0;
}
