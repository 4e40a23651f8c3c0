#include "src/letters/dead_letter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/letters/letters.h"

namespace drover::letters {
namespace {

using namespace std::chrono_literals;

TEST(DeadLetter, A6_tells_what_a_sidecar_wrote) {
    const DeadLetter letter = Letter(fields_of_a_letter()).read();
    EXPECT_EQ(letter.job_id, "job-1");
    EXPECT_EQ(letter.type, "send");
    EXPECT_EQ(letter.error_class, "Http503");
    EXPECT_EQ(letter.message, "no paper");
    EXPECT_EQ(letter.status, "503");
    EXPECT_EQ(letter.response, "no paper\nin tray 2");
    EXPECT_EQ(letter.group, "drover.shop.email");
    EXPECT_EQ(letter.failed_at, noon - 59s);
    EXPECT_EQ(letter.run, 1);
    EXPECT_EQ(letter.attempts_made, 2);
    EXPECT_FALSE(letter.payload_left_out);
    EXPECT_EQ(letter.origin, (LetterOrigin{"shop.email.high", 1, 7, noon - 1h}));
    ASSERT_EQ(letter.attempts.size(), 2U);
    EXPECT_EQ(letter.attempts[1].attempt, 2);
    EXPECT_EQ(letter.attempts[1].at, noon - 1min);
    EXPECT_EQ(letter.attempts[1].pod, "pod-b");
    EXPECT_EQ(letter.attempts[1].outcome, "Http503");
}

TEST(DeadLetter, of_a_stranger_has_its_place_for_an_id_and_the_records_time) {
    const DeadLetter letter = Letter({{"drover-attempts", "[1, {}, \"x\""}, {"drover-failed-at", "noon"}}).read();
    EXPECT_EQ(letter.job_id, "shop.email.dlq-3-42");
    EXPECT_EQ(letter.failed_at, noon);
    EXPECT_EQ(letter.error_class, "");
    EXPECT_TRUE(letter.attempts.empty());
}

RC_GTEST_PROP(DeadLetter, can_be_read_whatever_its_headers_hold, ()) {
    std::vector<Field> fields;
    for (const Field& field : fields_of_a_letter())
        fields.push_back({field.name, *rc::gen::oneOf(rc::gen::just(field.value), rc::gen::arbitrary<std::string>())});
    const DeadLetter letter = Letter(fields).read();
    RC_ASSERT(letter.run >= 0);
    RC_ASSERT(!letter.job_id.empty());
}

TEST(DeadLetterFilter, C7_takes_what_fits_all_that_was_asked_for) {
    const DeadLetter letter = Letter(fields_of_a_letter()).read();
    const auto takes = [&letter](const DeadLetterFilter& filter) { return filter.matches(letter); };
    EXPECT_TRUE(takes({}));
    EXPECT_TRUE(takes({.jobs = {"job-0", "job-1"}, .errors = {"Timeout", "Http503"}, .type = "send"}));
    EXPECT_FALSE(takes({.jobs = {"job-0"}}));
    EXPECT_FALSE(takes({.errors = {"http503"}}));
    EXPECT_FALSE(takes({.jobs = {"job-1"}, .errors = {"Timeout"}}));
    EXPECT_FALSE(takes({.type = "sen"}));
    EXPECT_TRUE(takes({.since = letter.failed_at, .until = letter.failed_at + 1us}));
    EXPECT_FALSE(takes({.since = letter.failed_at + 1us}));
    EXPECT_FALSE(takes({.until = letter.failed_at}));
}

TEST(Moment, is_a_time_or_so_long_ago) {
    EXPECT_EQ(parse_moment("2h", noon), noon - 2h);
    EXPECT_EQ(parse_moment("2026-03-01T13:00:00+01:00", noon), noon);
    EXPECT_EQ(parse_moment("noon", noon), std::nullopt);
    EXPECT_EQ(parse_moment("", noon), std::nullopt);
}

}  // namespace
}  // namespace drover::letters
