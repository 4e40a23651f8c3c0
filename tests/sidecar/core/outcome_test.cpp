#include "sidecar/core/outcome.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using Kind = WorkerAnswer::Kind;
using Verdict = Outcome::Verdict;

const Time now = *parse_rfc3339("1994-11-06T08:49:00Z");

Outcome answered(int status, std::string_view retry_after = "", std::string_view wish = "") {
    return classify({.kind = Kind::response, .status = status, .retry_after = retry_after, .outcome = wish}, now);
}

// design.md's table, row by row.
Verdict by_the_table(int status) {
    if (status >= 200 && status <= 299) return Verdict::done;
    if (status == 404 || status == 408 || status == 409 || status == 429) return Verdict::retry;
    if (status >= 400 && status <= 499) return Verdict::dead;
    return Verdict::retry;
}

TEST(Outcome, A4_every_status_leads_where_the_table_says) {
    for (int status = 0; status <= 999; ++status) {
        const Outcome outcome = answered(status);
        EXPECT_EQ(outcome.verdict, by_the_table(status)) << status;
        EXPECT_EQ(outcome.costs_attempt, status != 429) << status;
        EXPECT_EQ(outcome.overloaded, status == 429) << status;
        EXPECT_FALSE(outcome.wait) << status;
        if (outcome.verdict == Verdict::done) continue;
        EXPECT_EQ(outcome.cause.status, status);
        EXPECT_EQ(outcome.cause.error_class, "Http" + std::to_string(status));
        EXPECT_NE(outcome.cause.message.find(std::to_string(status)), std::string::npos);
    }
}

TEST(Outcome, A4_the_header_overrides_every_status) {
    for (int status = 0; status <= 999; ++status) {
        EXPECT_EQ(answered(status, "", "done").verdict, Verdict::done) << status;
        EXPECT_EQ(answered(status, "", "retry").verdict, Verdict::retry) << status;
        EXPECT_EQ(answered(status, "", " Dead ").verdict, Verdict::dead) << status;
        EXPECT_EQ(answered(status, "", "dead").cause.error_class, "Http" + std::to_string(status));
    }
}

TEST(Outcome, A4_a_wish_that_nobody_knows_is_retried_and_named) {
    for (const int status : {200, 400, 500}) {
        const Outcome outcome = answered(status, "", "maybe");
        EXPECT_EQ(outcome.verdict, Verdict::retry);
        EXPECT_TRUE(outcome.costs_attempt);
        EXPECT_EQ(outcome.cause.error_class, "InvalidOutcome");
        EXPECT_NE(outcome.cause.message.find("maybe"), std::string::npos);
    }
}

TEST(Outcome, A4_retry_after_is_honoured_by_whatever_retries) {
    for (const int status : {302, 404, 408, 409, 429, 500, 503}) {
        EXPECT_EQ(answered(status, "7").wait, Duration(7s)) << status;
    }
    EXPECT_FALSE(answered(200, "7").wait);
    EXPECT_FALSE(answered(400, "7").wait);
    EXPECT_EQ(answered(200, "7", "retry").wait, Duration(7s));
}

TEST(Outcome, A4_only_429_and_503_with_retry_after_ask_for_less_and_only_429_is_free) {
    EXPECT_TRUE(answered(429, "7").overloaded);
    EXPECT_TRUE(answered(503, "7").overloaded);
    EXPECT_FALSE(answered(503).overloaded);
    EXPECT_FALSE(answered(503, "soon").overloaded);
    EXPECT_FALSE(answered(500, "7").overloaded);
    EXPECT_FALSE(answered(429, "7").costs_attempt);
    EXPECT_FALSE(answered(429, "", "retry").costs_attempt);
    EXPECT_TRUE(answered(503, "7").costs_attempt);
}

TEST(Outcome, A4_retry_after_is_seconds_or_a_date_and_nothing_else) {
    const auto parse = [](std::string_view value) { return parse_retry_after(value, now); };
    EXPECT_EQ(parse("0"), Duration(0s));
    EXPECT_EQ(parse(" 120\t"), Duration(120s));
    EXPECT_EQ(parse("86400"), Duration(24h));
    EXPECT_EQ(parse("86401"), Duration(24h));
    EXPECT_EQ(parse("99999999999999999999999999"), Duration(24h));
    EXPECT_EQ(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Duration(37s));
    EXPECT_EQ(parse("Sun, 06 Nov 1994 08:48:37 GMT"), Duration(0s));
    EXPECT_EQ(parse("Wed, 06 Nov 2024 08:49:37 GMT"), Duration(24h));
    EXPECT_EQ(parse("Thu, 29 Feb 2024 00:00:60 GMT"), Duration(24h));
    for (const std::string_view wrong :
         {"", "  ", "-1", "+1", "1.5", "1 2", "soon", "0x10", "Sun, 06 Nov 1994 08:49:37",
          "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06-Nov-1994-08-49-37 GMT",
          "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 6  Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT",
          "1994-11-06T08:49:37Z"}) {
        EXPECT_EQ(parse(wrong), std::nullopt) << wrong;
    }
}

RC_GTEST_PROP(Outcome, A4_retry_after_is_total_and_between_now_and_a_day, (std::string value)) {
    if (*rc::gen::arbitrary<bool>()) {
        value = "Sun, 06 Nov 1994 08:49:37 GMT";
        value[*rc::gen::inRange<std::size_t>(0, value.size())] = *rc::gen::arbitrary<char>();
    }
    const auto wait = parse_retry_after(value, now);
    if (wait) RC_ASSERT(*wait >= Duration{0} && *wait <= Duration(24h));
}

TEST(Outcome, A4_a_broken_answer_is_retried_with_its_cause) {
    for (const auto& [kind, name] : {std::pair{Kind::cut, "ConnectionCut"},
                                     {Kind::malformed, "MalformedAnswer"},
                                     {Kind::too_large, "AnswerTooLarge"}}) {
        const Outcome outcome =
            classify({.kind = kind, .status = 200, .outcome = "done", .body = "half", .detail = "eof"}, now);
        EXPECT_EQ(outcome.verdict, Verdict::retry);
        EXPECT_TRUE(outcome.costs_attempt);
        EXPECT_FALSE(outcome.overloaded);
        EXPECT_EQ(outcome.cause.error_class, name);
        EXPECT_NE(outcome.cause.message.find("eof"), std::string::npos);
        EXPECT_EQ(outcome.cause.response, "half");
    }
}

TEST(Outcome, A8_a_refused_connection_costs_no_attempt) {
    const Outcome outcome = classify({.kind = Kind::refused, .detail = "connection refused"}, now);
    EXPECT_EQ(outcome.verdict, Verdict::not_delivered);
    EXPECT_FALSE(outcome.costs_attempt);
}

TEST(Outcome, A7_an_aborted_answer_is_left_to_the_engine) {
    EXPECT_EQ(classify({.kind = Kind::aborted, .status = 200}, now).verdict, Verdict::aborted);
}

TEST(Outcome, A6_the_cause_is_the_apps_own_words_within_bounds) {
    const std::string body = "first line\r\n" + std::string(10'000, 'x');
    const Outcome outcome =
        classify({.kind = Kind::response, .status = 500, .error = " Bad Data\n", .body = body}, now);
    EXPECT_EQ(outcome.cause.error_class, "Bad_Data_");
    EXPECT_EQ(outcome.cause.message, "first line");
    EXPECT_EQ(outcome.cause.response.size(), 4096U);
    const Outcome endless = classify(
        {.kind = Kind::response, .status = 500, .error = std::string(1000, 'e'), .body = std::string(100'000, 'x')},
        now);
    EXPECT_EQ(endless.cause.error_class.size(), 100U);
    EXPECT_EQ(endless.cause.message.size(), 1000U);
}

TEST(Outcome, A10_what_the_app_says_of_one_job_is_its_cause) {
    const Outcome failed = reported(Verdict::retry, "No Such Customer", "first line\nsecond", 7s);
    EXPECT_EQ(failed.verdict, Verdict::retry);
    EXPECT_TRUE(failed.costs_attempt);
    EXPECT_EQ(failed.wait, Duration(7s));
    EXPECT_EQ(failed.cause.error_class, "No_Such_Customer");
    EXPECT_EQ(failed.cause.message, "first line");
    EXPECT_EQ(failed.cause.response, "first line\nsecond");

    const Outcome dead = reported(Verdict::dead, "", "", 7s);
    EXPECT_EQ(dead.verdict, Verdict::dead);
    EXPECT_FALSE(dead.wait);
    EXPECT_EQ(dead.cause.error_class, "WorkerFailed");
    EXPECT_EQ(dead.cause.message, "the worker gave no reason");

    EXPECT_EQ(reported(Verdict::done, "Error", "text", 7s).cause, jobqueue::Cause{});
}

}  // namespace
}  // namespace drover::sidecar
