#include "src/jobqueue/submission.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/jobqueue/job.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Time now = *parse_rfc3339("2026-11-23T10:00:00.123Z");

std::string header_of(const std::vector<Field>& headers, std::string_view name) {
    const auto found = std::ranges::find(headers, name, &Field::name);
    return found == headers.end() ? "(none)" : found->value;
}

TEST(Submission, its_payload_is_any_json_and_stays_what_it_was) {
    for (const std::string payload : {"{\"to\":\"ada\"}", "[1,2]", "\"text\"", "17", "true", "null",
                                      "{ \"id\": 12345678901234567890123, \"share\": 1e2, \"id\": 1.10 }"}) {
        const Result<Submission> job = parse_submission("{\"payload\":" + payload + "}");
        ASSERT_TRUE(job) << job.error().message;
        EXPECT_EQ(job->payload, payload);
        EXPECT_EQ(job->content_type, "application/json");
    }
}

TEST(Submission, A17_a_payload_nested_without_end_is_refused_and_harms_nothing) {
    const auto nested = [](std::size_t levels) {
        return "{\"payload\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
    };
    EXPECT_TRUE(parse_submission(nested(59)));
    for (const std::size_t levels : {60U, 500'000U}) {
        const Result<Submission> job = parse_submission(nested(levels));
        ASSERT_FALSE(job);
        EXPECT_EQ(job.error().message, "the body is nested more than 60 deep");
    }
    EXPECT_FALSE(parse_submission("{\"payload\":" + std::string(500'000, '[')));
    EXPECT_FALSE(parse_submission("{\"labels\":{\"a\":" + std::string(300'000, '[') + std::string(300'000, ']') +
                                  "},\"payload\":1}"));
}

TEST(Submission, every_field_becomes_the_header_that_the_sidecar_reads) {
    Result<Submission> job = parse_submission(
        R"({"type":"send","payload":1,"key":"k","priority":"high","delay":"5s","maxAttempts":7,"timeout":"2s",
            "deadline":"2026-11-23T11:00:00Z","uniqueKey":"u","labels":{"user":"ada"},"callback":"http://x/"})");
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->key, "k");
    job->id = "id-1";
    job->traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const std::vector<Field> headers = submission_headers(*job, now);

    std::vector<FieldView> views;
    for (const Field& field : headers) views.push_back({field.name, field.value});
    const Result<JobHeaders> read = parse_job_headers(views);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->id, "id-1");
    EXPECT_EQ(read->type, "send");
    EXPECT_EQ(read->priority, "high");
    EXPECT_EQ(read->max_attempts, 7);
    EXPECT_EQ(read->timeout, Duration(2s));
    EXPECT_EQ(read->due_at, now + 5s);
    EXPECT_EQ(read->deadline, *parse_rfc3339("2026-11-23T11:00:00Z"));
    EXPECT_EQ(read->submitted_at, now);
    EXPECT_EQ(read->traceparent, job->traceparent);
    EXPECT_EQ(header_of(headers, header::labels), R"({"user":"ada"})");
    EXPECT_EQ(header_of(headers, header::unique_key), "u");
    EXPECT_EQ(header_of(headers, header::callback), "http://x/");
}

TEST(Submission, A5_is_never_due_before_the_time_that_was_asked_for) {
    const Result<Submission> job = parse_submission(R"({"payload":1,"runAt":"2026-11-23T10:00:00.0001Z"})");
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(header_of(submission_headers(*job, now), header::due_at), "2026-11-23T10:00:00.001Z");
}

TEST(Submission, names_all_that_is_wrong_with_it_at_once) {
    const Result<Submission> job = parse_submission(
        R"({"type":7,"priority":"urgent","delay":"soon","runAt":"now","maxAttempts":0,"timeout":"0s","deadline":"x",
            "labels":{"a":1},"colour":"red"})");
    ASSERT_FALSE(job);
    EXPECT_EQ(job.error().code, Error::Code::invalid);
    for (const char* name : {"type", "priority", "delay", "runAt", "maxAttempts", "timeout", "deadline", "labels",
                             "payload is missing", "colour is not a field"}) {
        EXPECT_THAT(job.error().message, HasSubstr(name));
    }
}

TEST(Submission, that_is_no_json_object_is_refused) {
    for (const char* text : {"", "{", "[]", "7", "\"x\"", "\xff\xfe", "{\"payload\":\"\xff\"}"}) {
        EXPECT_FALSE(parse_submission(text)) << text;
    }
}

TEST(Submission, the_last_of_two_fields_of_one_name_counts) {
    const Result<Submission> job = parse_submission(
        R"({"payload":1,"type":7,"labels":{"a":"1"},"type":"send","labels":{"b":"2","a":"x","a":"\u00e9"},"payload":[2]})");
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->type, "send");
    EXPECT_EQ(job->payload, "[2]");
    EXPECT_EQ(job->labels, R"({"a":"é","b":"2"})");
}

TEST(Submission, a_field_that_is_null_is_not_there_but_a_payload_may_be) {
    const Result<Submission> job = parse_submission(R"({"payload":null,"key":null,"maxAttempts":null,"labels":null})");
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->payload, "null");
    EXPECT_FALSE(job->key);
    EXPECT_EQ(job->labels, "");
}

TEST(Submission, takes_only_whole_numbers_of_attempts) {
    for (const char* wrong : {"0", "101", "3.0", "3e0", "-1", "\"3\"", "true", "[3]", "99999999999999999999"}) {
        const Result<Submission> job = parse_submission("{\"payload\":1,\"maxAttempts\":" + std::string(wrong) + "}");
        ASSERT_FALSE(job) << wrong;
        EXPECT_EQ(job.error().message, "maxAttempts must be a whole number from 1 to 100");
    }
}

TEST(Submission, names_each_unknown_field_once) {
    const Result<Submission> job = parse_submission(R"({"payload":1,"b":1,"a":1,"b":2,"":3})");
    ASSERT_FALSE(job);
    EXPECT_EQ(job.error().message, " is not a field of a job; a is not a field of a job; b is not a field of a job");
}

TEST(Submission, with_both_a_delay_and_a_time_is_refused) {
    const Result<Submission> job = parse_submission(R"({"payload":1,"delay":"1s","runAt":"2026-11-23T10:00:00Z"})");
    ASSERT_FALSE(job);
    EXPECT_THAT(job.error().message, HasSubstr("exclude each other"));
}

TEST(Submission, a_type_cannot_smuggle_control_characters) {
    EXPECT_FALSE(parse_submission("{\"payload\":1,\"type\":\"a\\r\\nb\"}"));
}

}  // namespace
}  // namespace drover::jobqueue
