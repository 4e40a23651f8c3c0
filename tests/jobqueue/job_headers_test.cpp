#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/jobqueue/job.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using Fields = std::vector<FieldView>;

constexpr std::string_view trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

JobHeaders read(const Fields& fields) {
    const auto headers = parse_job_headers(fields);
    EXPECT_TRUE(headers.has_value()) << headers.error().message;
    return headers.value_or(JobHeaders{});
}

TEST(JobHeaders, A19_a_record_without_any_is_a_job) {
    const JobHeaders job = read({});
    EXPECT_EQ(job.id, "");
    EXPECT_EQ(job.run, 0);
    EXPECT_EQ(job.attempts_made, 0);
    EXPECT_FALSE(job.max_attempts || job.due_at || job.deadline || job.timeout || job.submitted_at || job.original);
}

TEST(JobHeaders, all_that_Drover_knows_are_read) {
    const JobHeaders job = read({{"drover-job-id", "j-1"},
                                 {"drover-type", "send"},
                                 {"drover-run", "2"},
                                 {"drover-attempt", "1"},
                                 {"drover-max-attempts", "7"},
                                 {"drover-priority", "high"},
                                 {"drover-due-at", "2026-11-23T00:00:00.000Z"},
                                 {"drover-deadline", "2026-11-23T00:00:01.000Z"},
                                 {"drover-timeout", "1m30s"},
                                 {"drover-submitted-at", "2026-11-23T00:00:02.000Z"},
                                 {"content-type", "application/json"},
                                 {"traceparent", trace},
                                 {"drover-attempts", "[]"},
                                 {"drover-original-topic", "email"},
                                 {"drover-original-partition", "3"},
                                 {"drover-original-offset", "9223372036854775807"},
                                 {"drover-original-timestamp", "2026-11-22T00:00:00.000Z"}});
    EXPECT_EQ(job.id, "j-1");
    EXPECT_EQ(job.type, "send");
    EXPECT_EQ(job.run, 2);
    EXPECT_EQ(job.attempts_made, 1);
    EXPECT_EQ(job.max_attempts, 7);
    EXPECT_EQ(job.priority, "high");
    EXPECT_EQ(job.due_at, parse_rfc3339("2026-11-23T00:00:00Z"));
    EXPECT_EQ(job.deadline, parse_rfc3339("2026-11-23T00:00:01Z"));
    EXPECT_EQ(job.timeout, 90s);
    EXPECT_EQ(job.submitted_at, parse_rfc3339("2026-11-23T00:00:02Z"));
    EXPECT_EQ(job.content_type, "application/json");
    EXPECT_EQ(job.traceparent, trace);
    EXPECT_EQ(job.attempts, "[]");
    ASSERT_TRUE(job.original);
    EXPECT_EQ(job.original->topic, "email");
    EXPECT_EQ(job.original->partition, 3);
    EXPECT_EQ(job.original->offset, std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(job.original->timestamp, parse_rfc3339("2026-11-22T00:00:00Z"));
}

TEST(JobHeaders, of_a_repeated_name_the_last_counts_whatever_the_others_say) {
    EXPECT_EQ(read({{"drover-attempt", "garbage"}, {"drover-attempt", "3"}}).attempts_made, 3);
    EXPECT_FALSE(parse_job_headers(Fields{{"drover-attempt", "3"}, {"drover-attempt", "garbage"}}));
}

TEST(JobHeaders, an_empty_value_is_as_none) {
    const JobHeaders job = read({{"drover-job-id", ""},
                                 {"drover-due-at", ""},
                                 {"drover-attempt", ""},
                                 {"drover-timeout", ""},
                                 {"drover-priority", ""}});
    EXPECT_FALSE(job.due_at || job.timeout);
    EXPECT_EQ(job.attempts_made, 0);
}

TEST(JobHeaders, others_are_not_looked_at) {
    read({{"x-mine", "\r\n\xFF"},
          {"Drover-Attempt", "garbage"},
          {"drover-new", "garbage"},
          {"", ""},
          {"drover-", "x"},
          {"ce_time", "never"}});
}

TEST(JobHeaders, A17_a_value_that_cannot_be_what_its_name_says_is_an_error_that_names_it) {
    const std::vector<FieldView> wrong{
        {"drover-job-id", "a\nb"},
        {"drover-type", "a\rb"},
        {"drover-run", "-1"},
        {"drover-run", "1.0"},
        {"drover-attempt", "99999999999999999999"},
        {"drover-attempt", " 1"},
        {"drover-attempt", "1 "},
        {"drover-attempt", "+1"},
        {"drover-max-attempts", "0"},
        {"drover-priority", "urgent"},
        {"drover-due-at", "tomorrow"},
        {"drover-deadline", "2026-02-30T00:00:00Z"},
        {"drover-timeout", "30"},
        {"drover-timeout", "0s"},
        {"drover-timeout", "25h"},
        {"drover-submitted-at", "1763858400"},
        {"content-type", "text\r\nx: y"},
    };
    for (const auto& field : wrong) {
        const auto headers = parse_job_headers(Fields{field});
        ASSERT_FALSE(headers) << field.name << ": " << field.value;
        EXPECT_EQ(headers.error().code, Error::Code::invalid);
        EXPECT_NE(headers.error().message.find(field.name), std::string::npos) << headers.error().message;
        EXPECT_EQ(headers.error().message.find_first_of("\r\n"), std::string::npos);
    }
    EXPECT_FALSE(parse_job_headers(Fields{{"drover-job-id", std::string_view(std::string(257, 'a'))}}));
}

TEST(JobHeaders, original_coordinates_come_together_or_not_at_all) {
    EXPECT_FALSE(parse_job_headers(Fields{{"drover-original-topic", "email"}, {"drover-original-partition", "0"}}));
    EXPECT_FALSE(parse_job_headers(Fields{{"drover-original-partition", "0"}, {"drover-original-offset", "0"}}));
    EXPECT_FALSE(parse_job_headers(Fields{
        {"drover-original-topic", "email"}, {"drover-original-partition", "-1"}, {"drover-original-offset", "0"}}));
}

TEST(JobHeaders, A18_a_trace_context_that_is_none_is_ignored_as_its_standard_asks) {
    EXPECT_EQ(read({{"traceparent", trace}}).traceparent, trace);
    for (const char* text : {"", "x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                             "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\r\n"})
        EXPECT_EQ(read({{"traceparent", text}}).traceparent, "") << text;
    EXPECT_NE(read({{"traceparent", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"}}).traceparent, "");
}

TEST(JobHeaders, Drovers_own_are_told_from_the_users) {
    EXPECT_TRUE(is_drover_header("drover-job-id"));
    EXPECT_TRUE(is_drover_header("drover-anything"));
    EXPECT_TRUE(is_drover_header("__dlq.errors.topic"));
    for (const char* name : {"", "drover", "Drover-x", "content-type", "traceparent", "ce_id", "_dlq."})
        EXPECT_FALSE(is_drover_header(name)) << name;
}

RC_GTEST_PROP(JobHeaders, A17_any_bytes_are_read_or_refused, ()) {
    static const std::vector<std::string> names{"drover-job-id",  "drover-attempt",        "drover-due-at",
                                                "drover-timeout", "drover-original-topic", "drover-original-offset",
                                                "traceparent",    "drover-priority"};
    const auto fields = *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(
        rc::gen::pair(rc::gen::oneOf(rc::gen::elementOf(names), rc::gen::arbitrary<std::string>()),
                      rc::gen::arbitrary<std::string>()));
    Fields views;
    for (const auto& [name, value] : fields) views.push_back({name, value});
    const auto headers = parse_job_headers(views);
    if (!headers) RC_ASSERT(headers.error().message.starts_with("header "));
}

}  // namespace
}  // namespace drover::jobqueue
