#include "cli/gateway/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");

std::string told(const Explanation& explanation) {
    std::string text;
    for (const Line& line : lines_of(explanation)) text += render(line, 300, false) + "\n";
    return text;
}

Json job(const char* more) {
    Json json{{"id", "j1"}, {"queue", "default.email"}, {"run", 0}, {"attempt", 0}};
    json.update(Json::parse(more));
    return json;
}

const Json queue = Json::parse(R"({"name":"default.email","lag":12,"paused":false,"counts":{"waiting":12,"active":8},
    "scale":{"replicas":1,"ready":1,"desired":2,"min":0,"max":4,"reason":"Backlog","message":"12 jobs wait"}})");

Json paused_queue() {
    Json json = queue;
    json["paused"] = true;
    json["pauses"] = Json::array(
        {{{"source", "gateway"}, {"by", "ann"}, {"reason", "rollout"}, {"at", "2026-03-01T11:00:00.000Z"}}});
    return json;
}

TEST(Explain, D2_a_job_waits_behind_others) {
    const auto text = told(explain_job({.job = job(R"({"state":"waiting"})"), .queue = queue, .before = 11}, noon));
    EXPECT_THAT(text, HasSubstr("job j1 waits for its turn"));
    EXPECT_THAT(text, HasSubstr("11 jobs of its queue wait before it"));
    EXPECT_THAT(text, HasSubstr("1 of 2 workers are ready"));
    EXPECT_THAT(
        told(explain_job(
            {.job = job(R"({"state":"waiting"})"), .queue = queue, .before = 1000, .before_is_least = true}, noon)),
        HasSubstr("at least 1,000 jobs"));
}

TEST(Explain, D2_a_job_waits_because_its_queue_is_paused_and_by_whom) {
    const auto text =
        told(explain_job({.job = job(R"({"state":"waiting"})"), .queue = paused_queue(), .before = 0}, noon));
    EXPECT_THAT(text, HasSubstr("waits because its queue is paused"));
    EXPECT_THAT(text, HasSubstr("paused by gateway (ann) since 2026-03-01 11:00:00 UTC: rollout"));
}

TEST(Explain, D2_a_job_waits_because_no_worker_is_ready) {
    Json without = queue;
    without["scale"]["ready"] = 0;
    EXPECT_THAT(told(explain_job({.job = job(R"({"state":"waiting"})"), .queue = without}, noon)),
                HasSubstr("waits because no worker is ready"));
    Json none = queue;
    none["scale"] = {{"replicas", 0}, {"desired", 0}, {"max", 4}};
    EXPECT_THAT(told(explain_job({.job = job(R"({"state":"waiting"})"), .queue = none}, noon)),
                HasSubstr("no worker runs, and scaling wants none yet"));
}

TEST(Explain, D2_a_delayed_and_a_retrying_job_wait_for_their_time) {
    EXPECT_THAT(told(explain_job({.job = job(R"({"state":"delayed","dueAt":"2026-03-01T12:05:00.000Z"})")}, noon)),
                HasSubstr("delayed until 2026-03-01 12:05:00 UTC"));
    const auto text = told(
        explain_job({.job = job(R"({"state":"retrying","attempt":2,"maxAttempts":3,"since":"2026-03-01T11:59:30.000Z",
        "dueAt":"2026-03-01T12:01:00.000Z","error":{"class":"Http503","message":"away"}})")},
                    noon));
    EXPECT_THAT(text, HasSubstr("is tried again in 60s"));
    EXPECT_THAT(text, HasSubstr("try 2 of 3 failed 30s ago: Http503: away"));
}

TEST(Explain, D2_a_job_that_runs_failed_or_was_cancelled_says_so) {
    EXPECT_THAT(
        told(explain_job({.job = job(R"({"state":"active","attempt":1,"startedAt":"2026-03-01T11:59:00.000Z","pod":"p",
        "progress":{"percent":40,"step":"page 2"}})")},
                         noon)),
        HasSubstr("runs for 60s on p"));
    const auto failed =
        told(explain_job({.job = job(R"({"state":"failed","attempt":3,"error":{"class":"Http503"}})")}, noon));
    EXPECT_THAT(failed, HasSubstr("failed at try 3"));
    EXPECT_THAT(failed, HasSubstr("drover retry j1"));
    JobFacts cancelled{.job = job(R"({"state":"cancelled"})")};
    EXPECT_THAT(told(explain_job(cancelled, noon)), HasSubstr("audit log"));
    cancelled.cancel = Json{{"who", "ann"}, {"at", "2026-03-01T11:00:00.000Z"}, {"reason", "typo"}};
    EXPECT_THAT(told(explain_job(cancelled, noon)), HasSubstr("by ann at 2026-03-01 11:00:00 UTC: typo"));
    EXPECT_THAT(told(explain_job({.job = job(R"({"state":"completed"})")}, noon)), HasSubstr("is completed"));
}

TEST(Explain, D2_a_queue_says_load_scaling_decisions_and_errors) {
    Json busy = queue;
    busy["rates"] = {{"completed", 4.0}, {"failed", 0.5}};
    const Json lag = Json::parse(
        R"({"samples":[{"at":"2026-03-01T11:59:50.000Z","lag":2},{"at":"2026-03-01T12:00:00.000Z","lag":12}],
        "decisions":[{"at":"2026-03-01T11:59:00.000Z","from":0,"to":1,"reason":"Backlog","message":"12 jobs wait"}]})");
    const QueueFacts facts{
        .queue = busy,
        .lag = lag,
        .workers = std::vector<Json>{{{"pod", "p"}, {"active", 8}, {"lastSeenAt", "2026-03-01T11:59:59.000Z"}}},
        .errors = {{.error_class = "Http503", .message = "away", .count = 5}}};
    const auto text = told(explain_queue(facts, noon));
    EXPECT_THAT(text, HasSubstr("queue default.email is at work"));
    EXPECT_THAT(text, HasSubstr("12 jobs to do: 12 waiting, 8 active"));
    EXPECT_THAT(text, HasSubstr("4.0/s completed, 0.5/s failed, about 5.5/s come"));
    EXPECT_THAT(text, HasSubstr("from 0 to 1 workers 60s ago: Backlog: 12 jobs wait"));
    EXPECT_THAT(text, HasSubstr("1 worker has 8 jobs in hand"));
    EXPECT_THAT(text, HasSubstr("5 jobs failed with Http503: away"));
    EXPECT_EQ(text_of(json_of(explain_queue(facts, noon)), "summary"), "is at work");
}

TEST(Explain, D2_what_workers_have_in_trouble_is_told) {
    Json troubled = queue;
    troubled["scale"]["trouble"] = Json::array(
        {{{"what", "WorkerUnreachable"}, {"reason", "NotListening"}, {"message", "nothing listens on port 8080"}}});
    const std::string sentence = "WorkerUnreachable: nothing listens on port 8080";
    EXPECT_THAT(told(explain_queue({.queue = troubled}, noon)), HasSubstr(sentence));
    EXPECT_THAT(told(explain_job({.job = job(R"({"state":"waiting"})"), .queue = troubled}, noon)),
                HasSubstr(sentence));
}

TEST(Explain, D2_a_paused_an_idle_and_a_stuck_queue_are_told_apart) {
    EXPECT_THAT(told(explain_queue({.queue = paused_queue()}, noon)), HasSubstr("is paused"));
    EXPECT_THAT(told(explain_queue({.queue = Json{{"name", "q"}, {"lag", 0}}}, noon)), HasSubstr("has nothing to do"));
    EXPECT_THAT(told(explain_queue({.queue = Json{{"name", "q"}, {"trouble", "its topics are not there"}}}, noon)),
                HasSubstr("is in trouble"));
    Json stuck = queue;
    stuck["scale"]["ready"] = 0;
    const auto text = told(explain_queue({.queue = stuck}, noon));
    EXPECT_THAT(text, HasSubstr("has work, and no worker that is ready"));
    EXPECT_THAT(text, Not(HasSubstr("in hand")));
}

}  // namespace
}  // namespace drover::cli
