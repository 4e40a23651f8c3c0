#include "src/base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover {
namespace {

using namespace std::chrono;

Time at(int y, unsigned m, unsigned d, Duration since_midnight = Duration{0}) {
    return Time{sys_days{year{y} / month{m} / day{d}} + since_midnight};
}

// Years 0000 to 9999, which is all that RFC 3339 can write.
rc::Gen<Time> times() {
    const auto first = at(0, 1, 1).time_since_epoch().count(), end = at(10000, 1, 1).time_since_epoch().count();
    return rc::gen::map(rc::gen::inRange(first, end), [](std::int64_t micros) { return Time{Duration{micros}}; });
}

TEST(Rfc3339, is_written_in_UTC_with_milliseconds) {
    EXPECT_EQ(format_rfc3339(at(2026, 11, 23, 32min + 5s + 123ms)), "2026-11-23T00:32:05.123Z");
    EXPECT_EQ(format_rfc3339(Time{}), "1970-01-01T00:00:00.000Z");
}

TEST(Rfc3339, times_before_the_epoch_are_rounded_down_too) {
    EXPECT_EQ(format_rfc3339(Time{Duration{-1}}), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(format_rfc3339(time_from_millis(-1500)), "1969-12-31T23:59:58.500Z");
    EXPECT_EQ(to_millis(Time{Duration{-1}}), -1);
}

TEST(Rfc3339, times_that_it_cannot_write_are_clamped) {
    EXPECT_EQ(format_rfc3339(Time::max()), "9999-12-31T23:59:59.999Z");
    EXPECT_EQ(format_rfc3339(Time::min()), "0000-01-01T00:00:00.000Z");
}

RC_GTEST_PROP(Rfc3339, what_was_written_reads_as_the_same_millisecond, ()) {
    const Time time = *times();
    const auto read = parse_rfc3339(format_rfc3339(time));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == floor<milliseconds>(time));
}

RC_GTEST_PROP(Rfc3339, written_times_sort_as_text_in_their_order, ()) {
    const Time a = *times(), b = *times();
    RC_ASSERT((to_millis(a) < to_millis(b)) == (format_rfc3339(a) < format_rfc3339(b)));
}

RC_GTEST_PROP(Rfc3339, an_offset_is_taken_off, ()) {
    const Time time = *rc::gen::map(times(), [](Time t) { return floor<seconds>(t); });
    const int hours_ahead = *rc::gen::inRange(0, 24), minutes_ahead = *rc::gen::inRange(0, 60);
    const bool west = *rc::gen::arbitrary<bool>();
    auto text = format_rfc3339(time);
    text.resize(19);
    char offset[16];
    std::snprintf(offset, sizeof offset, "%c%02d:%02d", west ? '-' : '+', hours_ahead, minutes_ahead);
    const auto shift = hours{hours_ahead} + minutes{minutes_ahead};
    RC_ASSERT(parse_rfc3339(text + offset) == (west ? time + shift : time - shift));
}

TEST(Rfc3339, knows_leap_years) {
    EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), at(2024, 2, 29));
    EXPECT_EQ(parse_rfc3339("2000-02-29T00:00:00Z"), at(2000, 2, 29));
    EXPECT_FALSE(parse_rfc3339("2023-02-29T00:00:00Z"));
    EXPECT_FALSE(parse_rfc3339("1900-02-29T00:00:00Z"));
    EXPECT_EQ(format_rfc3339(at(2024, 2, 29) + 24h), "2024-03-01T00:00:00.000Z");
}

TEST(Rfc3339, fractions_are_read_to_the_microsecond) {
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.5Z"), Time{500ms});
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.000001Z"), Time{1us});
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.123456789Z"), Time{123456us});
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00." + std::string(1000, '9') + "Z"), Time{999999us});
}

TEST(Rfc3339, the_forms_that_the_standard_allows_are_read) {
    EXPECT_EQ(parse_rfc3339("1970-01-02t00:00:00z"), Time{24h});
    EXPECT_EQ(parse_rfc3339("1970-01-02 00:00:00Z"), Time{24h});
    EXPECT_EQ(parse_rfc3339("1970-01-02T00:00:00-00:00"), Time{24h});
    EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), at(2017, 1, 1)) << "a leap second";
}

TEST(Rfc3339, what_is_no_time_is_nothing) {
    for (const char* text : {"",
                             "Z",
                             "2026",
                             "2026-11-23",
                             "2026-11-23T00:32:05",
                             "2026-11-23T00:32Z",
                             "2026-13-01T00:00:00Z",
                             "2026-00-01T00:00:00Z",
                             "2026-04-31T00:00:00Z",
                             "2026-01-00T00:00:00Z",
                             "2026-01-01T24:00:00Z",
                             "2026-01-01T00:60:00Z",
                             "2026-01-01T00:00:61Z",
                             "2026-01-01T00:00:00.Z",
                             "2026-01-01T00:00:00,5Z",
                             "2026-01-01T00:00:00+0100",
                             "2026-01-01T00:00:00+24:00",
                             "2026-01-01T00:00:00+01:60",
                             "2026-01-01T00:00:00Zx",
                             "2026-01-01T00:00:00Z ",
                             " 2026-01-01T00:00:00Z",
                             "2026/01/01T00:00:00Z",
                             "2026-01-01x00:00:00Z",
                             "+026-01-01T00:00:00Z",
                             "12026-01-01T00:00:00Z",
                             "1763858400",
                             "2026-01-01T00:00:00+",
                             "2026-01-01T00:00:00+01:"})
        EXPECT_FALSE(parse_rfc3339(text)) << text;
}

// Near enough to a time to get past the first checks.
RC_GTEST_PROP(Rfc3339, a_damaged_time_is_read_or_refused_but_never_harms, ()) {
    std::string text = format_rfc3339(*times());
    const auto pos = *rc::gen::inRange<std::size_t>(0, text.size());
    text[pos] = *rc::gen::arbitrary<char>();
    text.resize(*rc::gen::inRange<std::size_t>(0, text.size() + 1));
    if (const auto time = parse_rfc3339(text)) RC_ASSERT(parse_rfc3339(format_rfc3339(*time)).has_value());
}

RC_GTEST_PROP(KafkaTime, milliseconds_go_there_and_back, (std::int32_t seconds_since, std::uint16_t millis)) {
    const auto count = std::int64_t{seconds_since} * 1000 + millis;
    RC_ASSERT(to_millis(time_from_millis(count)) == count);
}

}  // namespace
}  // namespace drover
