// What is read from the gateway's answers, and shown of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/gateway/answers.h"
#include "cli/gateway/bulk_request.h"
#include "cli/gateway/progress_bar.h"
#include "cli/gateway/submission.h"
#include "cli/gateway/tables.h"

namespace drover::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");

std::vector<std::string> texts(const std::vector<Line>& lines, int width) {
    std::vector<std::string> all;
    for (const Line& line : lines) all.push_back(render(line, width, false));
    return all;
}
std::string text(const Line& line) { return render(line, 200, false); }

Json job(const char* more = "{}") {
    Json json{{"id", "0199c5a2"}, {"queue", "default.email"}, {"state", "active"}, {"run", 0}, {"attempt", 1}};
    json.update(Json::parse(more));
    return json;
}

TEST(Answers, D2_anything_can_be_read_without_harm) {
    for (const char* odd :
         {"null", "[]", "1", R"({"id":1,"counts":[],"error":"x","progress":[1],"busy":1e300,"run":-1})",
          R"({"queues":{},"pauses":[1,null],"scale":5,"rates":[]})"}) {
        const Json json = Json::parse(odd);
        EXPECT_EQ(job_answer(json).id, "") << odd;
        EXPECT_EQ(queue_answer(json).name, "") << odd;
        EXPECT_EQ(operation_answer(json).matched, 0) << odd;
        EXPECT_EQ(error_group_answer(json).count, 0) << odd;
        EXPECT_FALSE(job_page(json, json, {}).empty()) << odd;
        EXPECT_EQ(schedule_lines(json.is_array() ? json : Json::array({json}), {}).size(),
                  json == Json::array() ? 1U : 2U);
    }
    EXPECT_EQ(parse_json("{"), std::nullopt);
    EXPECT_EQ(parse_json(std::string(100'000, '[')), std::nullopt);
}

TEST(ProgressBar, D2_it_is_full_only_when_all_is_done) {
    EXPECT_EQ(bar(0, 4), "░░░░");
    EXPECT_EQ(bar(0.5, 4), "██░░");
    EXPECT_EQ(bar(0.999, 4), "███░");
    EXPECT_EQ(bar(1, 4), "████");
    EXPECT_EQ(bar(7, 4), "████");
    EXPECT_EQ(bar(-1, 4), "░░░░");
    EXPECT_EQ(bar(std::nan(""), 2), "░░");
}

TEST(ProgressBar, D2_a_job_tells_its_share_step_and_time_left) {
    const Json json =
        job(R"({"progress":{"percent":50,"step":"page 3 of 6"},"eta":{"at":"2026-03-01T12:00:12.000Z"}})");
    EXPECT_EQ(text(progress_line(job_answer(json), noon, 40)), "active  █████░░░░░  50 %  page 3 of 6  0:12 left");
    EXPECT_EQ(text(progress_line(job_answer(job()), noon, 40)), "active");
    EXPECT_EQ(text(progress_line(job_answer(job(R"({"state":"completed","busy":1.5})")), noon, 40)),
              "completed  ██████████  took 1.5 s");
    EXPECT_EQ(text(progress_line(job_answer(job(R"({"state":"failed","error":{"class":"Http503","message":"away"}})")),
                                 noon, 40)),
              "failed  Http503: away");
    EXPECT_EQ(
        text(progress_line(
            job_answer(job(R"({"state":"retrying","dueAt":"2026-03-01T12:01:00.000Z","error":{"class":"NoRoom"}})")),
            noon, 40)),
        "retrying  again in 1:00  NoRoom");
}

TEST(ProgressBar, D2_many_jobs_are_counted_with_their_rate) {
    const Tally tally{.done = 50, .failed = 2, .total = 100, .elapsed = std::chrono::seconds(5)};
    EXPECT_EQ(text(tally_line(tally, "jobs", 40)), "█████░░░░░  50 of 100 jobs  2 failed  10/s  0:05 left");
    EXPECT_EQ(text(tally_line({.total = 3}, "jobs", 40)), "░░░░░░░░░░  0 of 3 jobs");
    EXPECT_EQ(text(tally_line({}, "jobs", 40)), "██████████  0 of 0 jobs");
}

TEST(Tables, D2_queues_have_their_counts_rates_and_workers_and_fit_80_columns) {
    const Json json = Json::parse(R"({"name":"default.email","topic":"default.email","lag":3,"paused":false,
        "counts":{"waiting":1204,"active":8,"retrying":2,"delayed":0,"failed":5,"dead":5},
        "rates":{"completed":48.2,"failed":0.5,"retried":0,"failureRate":0.052},
        "oldestWaitingAt":"2026-03-01T11:59:18.000Z","scale":{"replicas":2,"ready":1,"desired":2,"min":0,"max":4}})");
    const View view{.width = 80, .now = noon};
    const auto lines = texts(queue_lines({queue_answer(json)}, view), 80);
    EXPECT_THAT(lines[0], HasSubstr("WAITING  ACTIVE  RETRYING"));
    EXPECT_THAT(lines[1], AllOf(HasSubstr("default.email"), HasSubstr("Active"), HasSubstr("1,204"), HasSubstr("1/2")));
    const auto wide = texts(queue_lines({queue_answer(json)}, {.width = 140, .now = noon}), 140);
    EXPECT_THAT(wide[1], AllOf(HasSubstr("5.2 %"), HasSubstr("48"), HasSubstr("42s")));
    EXPECT_THAT(texts(queue_lines({queue_answer(Json{{"name", "q"}})}, view), 80)[1], HasSubstr("–"));
}

TEST(Tables, D2_a_job_has_a_page_with_its_history) {
    const Json json =
        job(R"({"state":"failed","type":"send","attempt":3,"maxAttempts":3,"since":"2026-03-01T11:59:00.000Z",
        "error":{"class":"Http503","status":503,"message":"away\u001b[2J"},"labels":{"user":"7"},"busy":0.25})");
    const Json history = Json::parse(R"([{"at":"2026-03-01T11:58:00.000Z","event":"retrying","run":0,"attempt":1,
        "pod":"pod-1","error":{"class":"Http503","message":"away"},"dueAt":"2026-03-01T11:58:02.000Z"}])");
    std::string all;
    for (const std::string& line : texts(job_page(json, history, {.now = noon}), 200)) all += line + "\n";
    EXPECT_THAT(all, HasSubstr("State       failed for 60s"));
    EXPECT_THAT(all, HasSubstr("Try         3/3"));
    EXPECT_THAT(all, HasSubstr("retrying, try 1 on pod-1: Http503 away; due 2026-03-01 11:58:02"));
    EXPECT_THAT(all, HasSubstr("{\"user\":\"7\"}"));
    EXPECT_THAT(all, Not(HasSubstr("\x1b")));
}

TEST(Tables, D2_log_lines_stand_behind_their_time) {
    const Json entry =
        Json::parse(R"({"at":"2026-03-01T12:00:00.000Z","level":"error","lines":"one\ntwo","linesLeftOut":3})");
    EXPECT_THAT(texts(log_lines(entry), 80), ElementsAre("2026-03-01 12:00:00  one", "2026-03-01 12:00:00  two",
                                                         "                     … 3 more lines were not kept"));
}

TEST(Submission, D2_the_payload_goes_through_as_it_is_written) {
    const auto shared = shared_fields({.type = "send", .key = "k", .max_attempts = 2, .labels = {"user=7", "a=b=c"}});
    ASSERT_TRUE(shared);
    EXPECT_EQ(*submission_of(*shared, R"({"n": 1.00})"),
              R"({"type":"send","key":"k","maxAttempts":2,"labels":{"user":"7","a":"b=c"},"payload":{"n": 1.00}})");
    EXPECT_EQ(*submission_of(*shared_fields({}), "1"), R"({"payload":1})");
    EXPECT_THAT(submission_of(*shared_fields({}), "hello").error().message, HasSubstr("a gateway takes JSON"));
    EXPECT_FALSE(shared_fields({.labels = {"user"}}));
}

TEST(BulkRequest, C7_D2_a_filter_has_to_be_given_or_all_to_be_said) {
    EXPECT_THAT(bulk_request({.action = "delete"}, noon).error().message, HasSubstr("--all"));
    BulkFilter all;
    all.all = true;
    EXPECT_EQ(compact(*bulk_request({.action = "delete", .filter = all}, noon)), R"({"action":"delete","filter":{}})");
}

TEST(BulkRequest, C7_D2_it_says_what_the_options_say) {
    const auto request =
        bulk_request({.action = "retry",
                      .filter = {.state = "failed", .error = "Http503", .since = "2h", .ids = {"a", "b"}},
                      .rate = "30/m",
                      .edit = R"([{"op":"remove","path":"/to"}])",
                      .reason = "why",
                      .dry_run = true},
                     noon);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(
        compact(*request),
        R"({"action":"retry","filter":{"state":"failed","error":"Http503","from":"2026-03-01T10:00:00.000Z","ids":["a","b"]},)"
        R"("dryRun":true,"ratePerSecond":0.5,"edit":[{"op":"remove","path":"/to"}],"reason":"why"})");
}

TEST(BulkRequest, C7_D2_what_is_wrong_is_told_by_its_option) {
    const BulkFilter failed{.state = "failed"};
    EXPECT_THAT(bulk_request({.action = "retry", .filter = failed, .rate = "fast"}, noon).error().message,
                HasSubstr("--rate"));
    EXPECT_THAT(bulk_request({.action = "retry", .filter = failed, .edit = "{}"}, noon).error().message,
                HasSubstr("--patch"));
    EXPECT_THAT(bulk_request({.action = "delete", .filter = failed, .edit = "[]"}, noon).error().message,
                HasSubstr("--patch"));
    EXPECT_THAT(bulk_request({.action = "retry", .filter = {.since = "noon"}}, noon).error().message,
                HasSubstr("--since"));
    EXPECT_THAT(bulk_request({.action = "retry", .filter = {.since = "1h", .until = "2h"}}, noon).error().message,
                HasSubstr("before --until"));
}

}  // namespace
}  // namespace drover::cli
