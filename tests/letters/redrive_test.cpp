#include "src/letters/redrive.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/letters/control_log.h"
#include "tests/letters/letters.h"

namespace drover::letters {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const RedriveRequest everything{
    .filter = {},
    .edit = std::nullopt,
    .max_payload = std::nullopt,
    .lanes = {{"normal", "shop.email"}, {"high", "shop.email.high"}},
};

RedriveDecision decide(const Letter& letter, const RedriveRequest& request, const RedrivenMark* mark = nullptr) {
    return decide_redrive(letter.record(), letter.read(), request, mark, noon);
}
std::string refusal(const RedriveDecision& decision) { return std::get<Refused>(decision).reason; }

TEST(Redrive, C7_a_letters_job_comes_again_as_its_next_run_with_no_attempt_made_where_it_came_from) {
    const auto job = std::get<RedrivenJob>(decide(Letter(fields_of_a_letter()), everything));
    EXPECT_EQ(job.id, "job-1");
    EXPECT_EQ(job.run, 2);
    EXPECT_EQ(job.topic, "shop.email.high");
    EXPECT_EQ(job.edited, std::nullopt);
    EXPECT_THAT(job.headers, testing::UnorderedElementsAre(Field{"colour", "red"}, Field{"drover-type", "send"},
                                                           Field{"drover-job-id", "job-1"}, Field{"drover-run", "2"}));
}

TEST(Redrive, a_job_from_no_lane_that_is_there_goes_to_the_main_topic) {
    RedriveRequest request = everything;
    request.lanes.pop_back();
    EXPECT_EQ(std::get<RedrivenJob>(decide(Letter(fields_of_a_letter()), request)).topic, "shop.email");
    EXPECT_EQ(std::get<RedrivenJob>(decide(Letter({}), everything)).topic, "shop.email");
}

TEST(Redrive, C7_takes_no_letter_that_was_not_asked_for_or_was_redriven_before) {
    const Letter letter(fields_of_a_letter());
    RedriveRequest request = everything;
    request.filter.errors = {"Timeout"};
    EXPECT_EQ(std::get<NotRedriven>(decide(letter, request)), NotRedriven::not_asked_for);
    const RedrivenMark mark{.run = 2};
    EXPECT_EQ(std::get<NotRedriven>(decide(letter, request, &mark)), NotRedriven::not_asked_for);
    EXPECT_EQ(std::get<NotRedriven>(decide(letter, everything, &mark)), NotRedriven::redriven_before);
}

TEST(Redrive, C7_a_payload_that_is_gone_or_too_large_or_cannot_be_patched_is_refused_with_a_reason) {
    std::vector<Field> left_out = fields_of_a_letter();
    left_out.push_back({"drover-payload-left-out", "true"});
    EXPECT_THAT(refusal(decide(Letter(left_out, std::nullopt), everything)),
                HasSubstr("shop.email.high partition 1 offset 7"));
    RedriveRequest request = everything;
    request.max_payload = 4;
    EXPECT_TRUE(std::holds_alternative<RedrivenJob>(decide(Letter(fields_of_a_letter(), "1234"), request)));
    EXPECT_THAT(refusal(decide(Letter(fields_of_a_letter(), "12345"), request)),
                HasSubstr("5 bytes, the queue takes 4"));
    request.edit = *PayloadEdit::parse(R"([{"op":"add","path":"/a","value":1}])");
    EXPECT_THAT(refusal(decide(Letter(fields_of_a_letter(), "x"), request)), HasSubstr("not JSON"));
    EXPECT_THAT(refusal(decide(Letter(fields_of_a_letter(), std::nullopt), request)), HasSubstr("not JSON"));
    EXPECT_THAT(refusal(decide(Letter(fields_of_a_letter(), "{}"), request)), HasSubstr("7 bytes, the queue takes 4"));
    request.max_payload = 7;
    EXPECT_EQ(std::get<RedrivenJob>(decide(Letter(fields_of_a_letter(), "{}"), request)).edited, R"({"a":1})");
}

// --- which of them

JobRun run_of(std::uint64_t number) { return {number, 0}; }
RedriveCandidate candidate(std::int64_t offset, std::uint64_t job_run, Time failed_at) {
    return {.place = {0, offset}, .job_run = run_of(job_run), .failed_at = failed_at};
}
std::vector<std::int64_t> offsets(const std::vector<LetterPlace>& places) {
    std::vector<std::int64_t> all;
    for (const auto& [partition, offset] : places) all.push_back(offset);
    return all;
}

TEST(Choose, C7_the_limit_takes_those_that_failed_first) {
    const std::vector all{candidate(1, 7, noon + 3s), candidate(2, 8, noon), candidate(3, 9, noon + 1s)};
    EXPECT_THAT(offsets(choose(all, {}, 2).letters), ElementsAre(2, 3));
    EXPECT_THAT(offsets(choose(all, {}, std::nullopt).letters), ElementsAre(1, 2, 3));
}

TEST(Choose, letters_of_one_run_are_one_job_and_done_with_if_one_of_them_was_redriven) {
    const std::vector all{candidate(1, 7, noon), candidate(2, 8, noon + 1s), candidate(3, 7, noon + 2s)};
    const RedriveChoice one = choose(all, {}, 1);
    EXPECT_EQ(one.jobs(), 1);
    EXPECT_THAT(offsets(one.letters), ElementsAre(1));
    EXPECT_THAT(offsets(one.others.at(run_of(7))), ElementsAre(3));
    EXPECT_TRUE(one.takes({0, 1}));
    EXPECT_FALSE(one.takes({0, 3}));
    EXPECT_THAT(offsets(choose(all, {run_of(7)}, std::nullopt).letters), ElementsAre(2));
}

TEST(JobRun, tells_apart_what_shares_an_id) {
    const auto with = [](const std::string& name, const std::string& value) {
        std::vector<Field> fields = fields_of_a_letter();
        for (Field& field : fields)
            if (field.name == name) field.value = value;
        return job_run_of(Letter(fields).read());
    };
    EXPECT_EQ(with("drover-attempt", "9"), job_run_of(Letter(fields_of_a_letter()).read()));
    EXPECT_NE(with("drover-run", "0"), job_run_of(Letter(fields_of_a_letter()).read()));
    EXPECT_NE(with("drover-original-offset", "8"), job_run_of(Letter(fields_of_a_letter()).read()));
}

// Any history of redrives with limits: each job is redriven once, the oldest first.
RC_GTEST_PROP(Choose, C7_redrives_with_limits_take_each_job_once, ()) {
    const auto runs = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 10));
    std::vector<RedriveCandidate> all;
    for (std::size_t i = 0; i < runs.size(); ++i)
        all.push_back(candidate(static_cast<std::int64_t>(i), static_cast<std::uint64_t>(runs[i]),
                                noon + std::chrono::seconds(i)));
    std::set<JobRun> redriven;
    std::int64_t jobs = 0;
    while (!all.empty()) {
        const RedriveChoice choice = choose(all, redriven, *rc::gen::inRange<std::int64_t>(1, 5));
        if (choice.letters.empty()) break;
        jobs += choice.jobs();
        for (const auto& each : all) {
            if (!choice.takes(each.place)) continue;
            RC_ASSERT(redriven.insert(each.job_run).second);
        }
        std::erase_if(all, [&](const auto& each) { return choice.takes(each.place); });
    }
    RC_ASSERT(jobs == static_cast<std::int64_t>(std::set<int>(runs.begin(), runs.end()).size()));
}

TEST(Rate, is_a_number_of_jobs_a_second_minute_or_hour) {
    EXPECT_EQ(parse_rate("50/s"), 50);
    EXPECT_EQ(parse_rate("2.5"), 2.5);
    EXPECT_EQ(parse_rate("30/m"), 0.5);
    EXPECT_EQ(parse_rate("36/h"), 0.01);
    for (const char* text : {"", "0", "-1", "x", "1/d", "1/", "/s", "1 /s", "inf", "nan", "1e3"})
        EXPECT_EQ(parse_rate(text), std::nullopt) << text;
}

// --- what the control topic says

TEST(ControlLog, C7_knows_which_dead_letters_were_redriven) {
    ControlLog log("shop.email.dlq");
    log.add("redriven/shop.email.dlq/3/42", R"({"job":"job-1","run":2,"by":"ann","at":"2026-03-01T12:00:00Z"})", noon);
    log.add("redriven/other.dlq/3/43", R"({"run":1})", noon);
    ASSERT_NE(log.redriven({3, 42}), nullptr);
    EXPECT_EQ(*log.redriven({3, 42}), (RedrivenMark{.run = 2, .at = noon, .by = "ann"}));
    EXPECT_EQ(log.redriven({3, 43}), nullptr);
    log.add("redriven/shop.email.dlq/3/42", std::nullopt, noon);
    EXPECT_EQ(log.redriven({3, 42}), nullptr);
}

TEST(ControlLog, A14_knows_who_pauses_and_what_could_not_be_read) {
    ControlLog log("shop.email.dlq");
    EXPECT_EQ(log.complaint(), "");
    log.add("pause/operator", R"({"paused":true})", noon);
    log.add("pause/gateway", "yes", noon);
    EXPECT_EQ(log.state().pause_sources().size(), 1U);
    EXPECT_THAT(log.complaint(), HasSubstr("1 record of the control topic cannot be read and does not count"));
    EXPECT_THAT(log.complaint(), HasSubstr("pause/gateway"));
}

}  // namespace
}  // namespace drover::letters
