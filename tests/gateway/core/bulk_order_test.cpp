#include "gateway/core/bulk_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");

std::string fault(std::string_view body) {
    const auto order = parse_bulk_order("shop.email", body);
    return order ? "" : order.error().message;
}

Job failed_job() {
    Job job;
    job.key = {"shop.email", "job-1"};
    job.state = JobState::failed;
    job.type = "send";
    job.submitted_at = noon;
    job.finished_at = noon + 1min;
    job.error = JobError{.error_class = "Http503", .status = 503, .message = "out of paper"};
    job.labels = R"({"user":"7"})";
    return job;
}

bool matches(std::string_view filter, const Job& job) {
    const auto order = parse_bulk_order("shop.email", R"({"action":"retry","filter":)" + std::string(filter) + "}");
    return order && bulk_matches(order->filter, job);
}

TEST(BulkOrder, C7_says_what_to_do_to_which_jobs) {
    const auto order = parse_bulk_order("shop.email", R"({"action":"redrive","filter":{"state":"failed","type":"send",
        "error":"Http503","label":"user=7","text":"paper","from":"2026-03-01T00:00:00Z","ids":["b","a","b"]},
        "ratePerSecond":2.5,"edit":[{"op":"remove","path":"/x"}],"reason":"why"})");
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->action, BulkAction::retry);
    EXPECT_EQ(order->filter.jobs.queue, "shop.email");
    EXPECT_EQ(order->rate, 2.5);
    EXPECT_EQ(order->edit, R"([{"op":"remove","path":"/x"}])");
    EXPECT_EQ(order->reason, "why");
    EXPECT_FALSE(order->dry_run);
    EXPECT_THAT(order->filter.ids, ElementsAre("a", "b"));
    EXPECT_THAT(order->filter.jobs.states, ElementsAre(JobState::failed));
}

TEST(BulkOrder, C7_each_action_has_its_states) {
    const auto states = [](const char* action) {
        return parse_bulk_order("q", R"({"action":")" + std::string(action) + R"("})")->filter.jobs.states;
    };
    EXPECT_THAT(states("retry"), ElementsAre(JobState::failed));
    EXPECT_THAT(states("cancel"),
                ElementsAre(JobState::waiting, JobState::delayed, JobState::active, JobState::retrying));
    EXPECT_THAT(states("delete"), ElementsAre(JobState::completed, JobState::failed, JobState::cancelled));
    EXPECT_THAT(fault(R"({"action":"delete","filter":{"state":"completed,waiting"}})"), HasSubstr("waiting"));
    EXPECT_EQ(fault(R"({"action":"cancel","filter":{"state":"pending,processing"}})"), "");
}

TEST(BulkOrder, C7_what_is_wrong_is_named) {
    EXPECT_THAT(fault("{}"), HasSubstr("action must be"));
    EXPECT_THAT(fault("["), HasSubstr("not JSON"));
    EXPECT_THAT(fault(R"({"action":"retry","filter":[]})"), HasSubstr("filter must be an object"));
    EXPECT_THAT(fault(R"({"action":"retry","filter":{"typ":"x"}})"), HasSubstr("filter.typ"));
    EXPECT_THAT(fault(R"({"action":"retry","ratePerSecond":-1})"), HasSubstr("ratePerSecond"));
    EXPECT_THAT(fault(R"({"action":"retry","ratePerSecond":1e7})"), HasSubstr("ratePerSecond"));
    EXPECT_THAT(fault(R"({"action":"retry","edit":[{"op":"explode","path":""}]})"), HasSubstr("edit: operation 1"));
    EXPECT_THAT(fault(R"({"action":"delete","edit":[]})"), HasSubstr("edit is for a retry only"));
    EXPECT_THAT(fault(R"({"action":"retry","filter":{"ids":[7]}})"), HasSubstr("filter.ids"));
    EXPECT_THAT(fault(R"({"action":"retry","filter":{"before":"soon"}})"), HasSubstr("filter.before"));
}

TEST(BulkOrder, C7_a_filter_is_written_as_it_is_read) {
    const auto order =
        parse_bulk_order("q", R"({"action":"delete","filter":{"state":"failed,completed","type":"t","text":"x",
        "before":"2026-03-01T12:00:00.000Z","finishedBefore":"2026-03-02T12:00:00.000Z","ids":["a"]}})");
    ASSERT_TRUE(order) << order.error().message;
    const auto again = parse_bulk_filter("q", BulkAction::remove, bulk_filter_json(order->filter));
    ASSERT_TRUE(again);
    EXPECT_EQ(bulk_filter_json(*again), bulk_filter_json(order->filter));
    EXPECT_EQ(again->finished_before, noon + 24h);
    EXPECT_EQ(again->jobs.submitted_before, noon);
}

TEST(BulkFilter, C7_all_that_is_given_has_to_hold) {
    const Job job = failed_job();
    EXPECT_TRUE(matches("{}", job));
    EXPECT_TRUE(
        matches(R"({"type":"send","error":"Http503","label":"user=7","text":"PAPER","ids":["job-1","x"]})", job));
    EXPECT_FALSE(matches(R"({"type":"send","error":"Timeout"})", job));
    EXPECT_FALSE(matches(R"({"ids":["job-2"]})", job));
    EXPECT_FALSE(matches(R"({"label":"user=8"})", job));
    EXPECT_TRUE(matches(R"({"from":"2026-03-01T12:00:00Z","before":"2026-03-01T12:00:00.001Z"})", job));
    EXPECT_FALSE(matches(R"({"before":"2026-03-01T12:00:00Z"})", job));
    EXPECT_TRUE(matches(R"({"finishedBefore":"2026-03-01T12:01:00.001Z"})", job));
    EXPECT_FALSE(matches(R"({"finishedBefore":"2026-03-01T12:01:00Z"})", job));
    Job waiting = job;
    waiting.state = JobState::waiting;
    EXPECT_FALSE(matches("{}", waiting));
}

TEST(CleanOrder, C6_drops_what_ended_longer_ago_than_its_grace) {
    const auto order = parse_clean_order("q", R"({"grace":"48h","state":"failed","reason":"r"})", noon);
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->action, BulkAction::remove);
    EXPECT_EQ(order->filter.finished_before, noon - 48h);
    EXPECT_THAT(order->filter.jobs.states, ElementsAre(JobState::failed));
    const auto bare = parse_clean_order("q", "", noon);
    EXPECT_EQ(bare->filter.finished_before, noon - 24h);
    EXPECT_THAT(bare->filter.jobs.states, ElementsAre(JobState::completed));
    EXPECT_FALSE(parse_clean_order("q", R"({"grace":"-1h"})", noon));
    EXPECT_FALSE(parse_clean_order("q", R"({"state":"waiting"})", noon));
    EXPECT_FALSE(parse_clean_order("q", R"({"grace":24})", noon));
}

TEST(CleanOrder, C12_older_front_ends_say_it_in_milliseconds) {
    const auto order = parse_bull_clean_order("q", R"({"grace":3600000,"type":"failed"})", noon);
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->filter.finished_before, noon - 1h);
    EXPECT_THAT(order->filter.jobs.states, ElementsAre(JobState::failed, JobState::cancelled));
    EXPECT_EQ(parse_bull_clean_order("q", "", noon)->filter.finished_before, noon - 24h);
    for (const char* body : {R"({"grace":"1h"})", R"({"grace":-1})", R"({"grace":1e300})", R"({"type":"active"})"})
        EXPECT_FALSE(parse_bull_clean_order("q", body, noon)) << body;
}

TEST(RetryBody, C6_may_be_missing) {
    EXPECT_EQ(parse_retry_body("")->edit, "");
    EXPECT_EQ(parse_retry_body(R"({"reason":"r","edit":[]})")->edit, "[]");
    EXPECT_FALSE(parse_retry_body(R"({"edit":{}})"));
    EXPECT_FALSE(parse_retry_body(R"({"reasn":"r"})"));
}

TEST(JobOfLetter, C7_is_filtered_as_the_views_job_would_be) {
    letters::DeadLetter letter{.partition = 1,
                               .offset = 2,
                               .job_id = "job-1",
                               .type = "send",
                               .error_class = "Http503",
                               .message = "out of paper",
                               .status = "503"};
    letter.failed_at = noon + 1min;
    letter.submitted_at = noon;
    letter.labels = R"({"user":"7"})";
    letter.origin = letters::LetterOrigin{"shop.email.high", 3, 4, noon};
    const Job job = job_of_letter(letter, "shop.email", "shop.email");
    EXPECT_TRUE(matches(
        R"({"type":"send","error":"Http503","label":"user=7","text":"paper","from":"2026-03-01T12:00:00Z"})", job));
    EXPECT_EQ(job.error->status, 503);
    EXPECT_EQ(job.topic, "shop.email.high");
    letter.status = "many";
    letter.origin = std::nullopt;
    EXPECT_EQ(job_of_letter(letter, "shop.email", "shop.email").error->status, 0);
}

}  // namespace
}  // namespace drover::gateway
