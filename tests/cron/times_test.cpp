#include "src/cron/times.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <time.h>

#include <array>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

namespace drover::cron {
namespace {

using namespace std::chrono_literals;

Expression expression(std::string_view text) { return Expression::parse(text).value(); }
Zone zone(std::string_view name) { return Zone::load(name).value(); }
Time at(std::string_view text) { return parse_rfc3339(text).value(); }

// The next `count` times after `after`, as UTC without their milliseconds.
std::vector<std::string> times(std::string_view text, std::string_view zone_name, std::string_view after, int count) {
    std::vector<std::string> found;
    Time time = at(after);
    for (int i = 0; i < count; ++i) {
        const std::optional<Time> found_time = next(expression(text), zone(zone_name), time);
        if (!found_time) break;
        time = *found_time;
        found.push_back(format_rfc3339(time).substr(0, 19));
    }
    return found;
}

using Texts = std::vector<std::string>;

TEST(NextTime, C9_is_after_the_given_one) {
    EXPECT_EQ(times("*/15 * * * *", "UTC", "2026-01-01T00:00:00Z", 2),
              Texts({"2026-01-01T00:15:00", "2026-01-01T00:30:00"}));
    EXPECT_EQ(times("*/15 * * * *", "UTC", "2025-12-31T23:59:59.999Z", 1), Texts({"2026-01-01T00:00:00"}));
    EXPECT_EQ(times("30 0 0 1 1 *", "UTC", "2026-01-01T00:00:29.5Z", 2),
              Texts({"2026-01-01T00:00:30", "2027-01-01T00:00:30"}));
    EXPECT_EQ(times("0 12 * * mon", "UTC", "2026-11-26T00:00:00Z", 2),
              Texts({"2026-11-30T12:00:00", "2026-12-07T12:00:00"}));
    EXPECT_EQ(times("0 0 L * *", "UTC", "2028-01-31T00:00:00Z", 3),
              Texts({"2028-02-29T00:00:00", "2028-03-31T00:00:00", "2028-04-30T00:00:00"}));
    EXPECT_EQ(times("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), Texts({"2104-02-29T00:00:00"}));
}

TEST(NextTime, C9_is_the_zones) {
    EXPECT_EQ(times("0 9 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", 1), Texts({"2026-01-01T03:30:00"}));
    EXPECT_EQ(times("0 9 * * *", "America/New_York", "2026-07-01T00:00:00Z", 1), Texts({"2026-07-01T13:00:00"}));
    EXPECT_EQ(times("0 9 * * *", "America/New_York", "2026-12-01T00:00:00Z", 1), Texts({"2026-12-01T14:00:00"}));
}

// Berlin: 2026-03-29 02:00 → 03:00 at 01:00 UTC; 2026-10-25 03:00 → 02:00 at 01:00 UTC.
TEST(DaylightSaving, C9_a_missing_time_runs_once_at_the_first_moment_after) {
    EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
              Texts({"2026-03-28T01:30:00", "2026-03-29T01:00:00", "2026-03-30T00:30:00"}));
    EXPECT_EQ(times("*/20 2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", 2),
              Texts({"2026-03-29T01:00:00", "2026-03-30T00:00:00"}));
    EXPECT_EQ(times("0 2,3 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", 2),
              Texts({"2026-03-29T01:00:00", "2026-03-30T00:00:00"}));
    EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:59Z", 1), Texts({"2026-03-29T01:00:00"}));
    EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", 1), Texts({"2026-03-30T00:30:00"}));
}

TEST(DaylightSaving, C9_a_doubled_time_runs_the_first_time_only) {
    EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
              Texts({"2026-10-25T00:30:00", "2026-10-26T01:30:00"}));
    EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), Texts({"2026-10-26T01:30:00"}));
    EXPECT_EQ(times("0 2,3 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 2),
              Texts({"2026-10-25T00:00:00", "2026-10-25T02:00:00"}));
}

TEST(DaylightSaving, C9_a_star_of_the_hour_means_each_real_hour) {
    EXPECT_EQ(times("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
              Texts({"2026-03-29T00:30:00", "2026-03-29T01:30:00", "2026-03-29T02:30:00"}));
    EXPECT_EQ(times("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
              Texts({"2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T02:30:00"}));
    EXPECT_EQ(times("0 */2 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z", 3),
              Texts({"2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T03:00:00"}));
    EXPECT_EQ(times("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", 1), Texts({"2026-03-29T02:00:00"}));
}

TEST(DaylightSaving, C9_midnight_may_be_missing) {
    EXPECT_EQ(times("@daily", "Asia/Beirut", "2026-03-28T12:00:00Z", 2),
              Texts({"2026-03-28T22:00:00", "2026-03-29T21:00:00"}));
}

TEST(DaylightSaving, C9_a_whole_day_may_be_missing) {  // Samoa had no 30 December 2011
    EXPECT_EQ(times("0 */6 30 * *", "Pacific/Apia", "2011-12-02T00:00:00Z", 1), Texts({"2012-01-29T10:00:00"}));
    EXPECT_EQ(times("0 6,12 30 * *", "Pacific/Apia", "2011-12-01T00:00:00Z", 2),
              Texts({"2011-12-30T10:00:00", "2012-01-29T16:00:00"}));
}

TEST(NextTime, C9_ends_with_the_year_2399) {
    EXPECT_EQ(times("0 0 1 1 *", "UTC", "2398-06-01T00:00:00Z", 2), Texts({"2399-01-01T00:00:00"}));
    EXPECT_EQ(next(expression("* * * * *"), zone("UTC"), Time::max()), std::nullopt);
    EXPECT_EQ(format_rfc3339(next(expression("* * * * *"), zone("UTC"), Time::min()).value()),
              "0001-01-01T00:00:00.000Z");
    for (const char* name : {"Europe/Berlin", "Pacific/Apia"}) {
        for (const char* text : {"0 * * * *", "0 0 * * *"}) {
            EXPECT_TRUE(next(expression(text), zone(name), Time::min()));
            EXPECT_FALSE(next(expression(text), zone(name), Time::max()));
            EXPECT_TRUE(next(expression(text), zone(name), at("2398-12-31T00:00:00Z")));
        }
    }
}

TEST(Due, C9_is_asked_for_an_interval_without_its_beginning) {
    const Expression hourly = expression("@hourly");
    const Time noon = at("2026-01-01T12:00:00Z");
    EXPECT_TRUE(is_due_within(hourly, Zone(), noon - 1us, noon));
    EXPECT_FALSE(is_due_within(hourly, Zone(), noon, noon + 59min));
    EXPECT_FALSE(is_due_within(hourly, Zone(), noon, noon));
    EXPECT_FALSE(is_due_within(hourly, Zone(), noon, noon - 3h));
    EXPECT_TRUE(is_due_within(hourly, Zone(), noon, noon + 1h));
    EXPECT_EQ(last_within(hourly, Zone(), noon, noon + 59min), std::nullopt);
    EXPECT_EQ(last_within(hourly, Zone(), noon, noon + 3h), noon + 3h);
    EXPECT_EQ(last_within(hourly, Zone(), noon, noon + 3h + 1us), noon + 3h);
    EXPECT_EQ(last_within(expression("* * * * * *"), Zone(), at("1970-01-01T00:00:00Z"), noon + 1us), noon);
}

// The C library's reading of the same rules.
class Clock {
public:
    explicit Clock(const std::string& name) {
        ::setenv("TZ", name.c_str(), 1);
        ::tzset();
    }
    ~Clock() {
        ::unsetenv("TZ");
        ::tzset();
    }
    tm read(std::int64_t minute) const {
        const time_t seconds = minute * 60;
        tm shown{};
        ::localtime_r(&seconds, &shown);
        return shown;
    }
};

// An expression as sets, that says itself what fits.
struct Sets {
    std::string text;
    std::set<int> minutes, hours, days, months, weekdays;
    bool hour_star = false, day_star = false, weekday_star = false;

    bool fits(const tm& clock) const {
        const bool day = days.contains(clock.tm_mday), weekday = weekdays.contains(clock.tm_wday);
        return minutes.contains(clock.tm_min) && hours.contains(clock.tm_hour) && months.contains(clock.tm_mon + 1) &&
               (day_star || weekday_star ? day && weekday : day || weekday);
    }
};

std::string field(int low, int high, double star, std::set<int>& values, bool& is_star) {
    is_star = *rc::gen::inRange(0, 100) < star * 100;
    if (is_star) {
        const int step = *rc::gen::element(1, 1, 2, 3, 7);
        for (int value = low; value <= high; value += step) values.insert(value);
        return step == 1 ? "*" : "*/" + std::to_string(step);
    }
    std::string text;
    const int parts = *rc::gen::inRange(1, 3);
    for (int i = 0; i < parts; ++i) {
        const int from = *rc::gen::inRange(low, high + 1), to = *rc::gen::inRange(from, high + 1);
        const int step = *rc::gen::element(1, 2, 5);
        for (int value = from; value <= to; value += step) values.insert(value);
        text +=
            (text.empty() ? "" : ",") + std::to_string(from) + "-" + std::to_string(to) + "/" + std::to_string(step);
    }
    return text;
}

Sets sets() {
    Sets made;
    bool minute_star = false, month_star = false;
    made.text = field(0, 59, 0.3, made.minutes, minute_star) + " " + field(0, 23, 0.4, made.hours, made.hour_star) +
                " " + field(1, 31, 0.7, made.days, made.day_star) + " " + field(1, 12, 0.9, made.months, month_star) +
                " " + field(0, 6, 0.7, made.weekdays, made.weekday_star);
    return made;
}

// Minute by minute: what the clock shows, and whether it showed that or later before.
std::vector<std::int64_t> walk(const Sets& wanted, const Clock& clock, std::int64_t first, std::int64_t last) {
    const auto as_minutes = [](tm shown) { return static_cast<std::int64_t>(::timegm(&shown)) / 60; };
    std::vector<std::int64_t> found;
    std::int64_t latest_shown = as_minutes(clock.read(first - 2 * 24 * 60));
    for (std::int64_t minute = first - 2 * 24 * 60; minute <= last; ++minute) {
        const tm shown = clock.read(minute);
        bool is_due = wanted.hour_star && wanted.fits(shown);
        for (const std::int64_t now = as_minutes(shown); latest_shown < now;) {
            const time_t passed = ++latest_shown * 60;
            tm at_that_time{};
            ::gmtime_r(&passed, &at_that_time);
            is_due = is_due || (!wanted.hour_star && wanted.fits(at_that_time));
        }
        if (is_due && minute > first) found.push_back(minute);
    }
    return found;
}

struct Place {
    const char* zone;
    const char* change;  // a moment near which the clock changes
};

constexpr std::array<Place, 16> places{{
    {"UTC", "2026-03-29T00:00:00Z"},
    {"Europe/Berlin", "2026-03-29T01:00:00Z"},
    {"Europe/Berlin", "2026-10-25T01:00:00Z"},
    {"America/New_York", "2026-03-08T07:00:00Z"},
    {"America/New_York", "2026-11-01T06:00:00Z"},
    {"Australia/Lord_Howe", "2026-04-04T15:00:00Z"},  // half an hour
    {"Australia/Lord_Howe", "2026-10-03T15:30:00Z"},
    {"Antarctica/Troll", "2026-03-29T01:00:00Z"},  // two hours
    {"Antarctica/Troll", "2026-10-25T01:00:00Z"},
    {"Asia/Beirut", "2026-03-28T22:00:00Z"},       // midnight is missing
    {"America/Havana", "2026-11-01T05:00:00Z"},    // midnight is doubled
    {"America/St_Johns", "2005-10-30T02:31:00Z"},  // 00:01 goes back into the day before
    {"America/St_Johns", "2005-04-03T03:31:00Z"},
    {"Pacific/Apia", "2011-12-30T10:00:00Z"},  // a day is missing
    {"Pacific/Kwajalein", "1993-08-21T12:00:00Z"},
    {"Africa/Casablanca", "2026-02-15T02:00:00Z"},
}};

RC_GTEST_PROP(NextTime, C9_is_what_a_walk_minute_by_minute_finds, ()) {
    const Place place = *rc::gen::elementOf(places);
    const Sets wanted = sets();
    const Result<Expression> read = Expression::parse(wanted.text);
    RC_PRE(read.has_value());
    const std::int64_t change = to_millis(at(place.change)) / 60'000;
    const std::int64_t first = change - *rc::gen::inRange(0, 3 * 24 * 60);
    const std::int64_t last = change + 3 * 24 * 60;
    const std::vector<std::int64_t> expected = walk(wanted, Clock(place.zone), first, last);

    std::vector<std::int64_t> found;
    const Time end = time_from_millis(last * 60'000);
    const Zone there = zone(place.zone);
    std::optional<Time> time = next(*read, there, time_from_millis(first * 60'000));
    for (; time && *time <= end; time = next(*read, there, *time)) {
        RC_ASSERT(to_millis(*time) % 60'000 == 0);
        found.push_back(to_millis(*time) / 60'000);
    }
    RC_LOG() << wanted.text << " in " << place.zone << " after " << format_rfc3339(time_from_millis(first * 60'000));
    RC_ASSERT(found == expected);
    const std::optional<Time> latest = last_within(*read, there, time_from_millis(first * 60'000), end);
    RC_ASSERT(latest.has_value() == !expected.empty());
    if (latest) RC_ASSERT(to_millis(*latest) / 60'000 == expected.back());
}

RC_GTEST_PROP(NextTime, C9_leaves_nothing_out_between_two_calls, ()) {
    const Place place = *rc::gen::elementOf(places);
    const Result<Expression> read = Expression::parse(sets().text);
    RC_PRE(read.has_value());
    const Zone there = zone(place.zone);
    const Time after = at(place.change) + std::chrono::seconds(*rc::gen::inRange(-200'000, 200'000));
    const std::optional<Time> time = next(*read, there, after);
    RC_PRE(time.has_value());
    RC_ASSERT(*time > after);
    const auto between = Duration(*rc::gen::inRange<std::int64_t>(0, (*time - after).count()));
    RC_ASSERT(next(*read, there, after + between) == time);
}

}  // namespace
}  // namespace drover::cron
