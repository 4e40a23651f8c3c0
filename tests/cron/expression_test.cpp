#include "src/cron/expression.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace drover::cron {
namespace {

Expression parsed(std::string_view text) {
    const Result<Expression> expression = Expression::parse(text);
    EXPECT_TRUE(expression) << text << ": " << (expression ? "" : expression.error().message);
    return expression.value();
}

std::string problem(std::string_view text) {
    const Result<Expression> expression = Expression::parse(text);
    EXPECT_FALSE(expression) << text;
    if (expression) return {};
    EXPECT_EQ(expression.error().code, Error::Code::invalid);
    return expression.error().message;
}

template <class Fits>
std::vector<int> all(int low, int high, Fits fits) {
    std::vector<int> found;
    for (int value = low; value <= high; ++value) {
        if (fits(value)) found.push_back(value);
    }
    return found;
}

std::vector<int> minutes(std::string_view field) {
    const Expression expression = parsed(std::string(field) + " * * * *");
    return all(0, 59, [&](int value) { return expression.fits_minute(value); });
}
std::vector<int> hours(std::string_view field) {
    const Expression expression = parsed("0 " + std::string(field) + " * * *");
    return all(0, 23, [&](int value) { return expression.fits_hour(value); });
}
std::vector<int> months(std::string_view field) {
    const Expression expression = parsed("0 0 1 " + std::string(field) + " *");
    return all(1, 12, [&](int value) { return expression.fits_month(value); });
}
std::vector<int> weekdays(std::string_view field) {
    const Expression expression = parsed("0 0 * * " + std::string(field));
    return all(0, 6, [&](int value) { return expression.fits_day(10, false, value); });
}

using Ints = std::vector<int>;

TEST(Expression, C9_values_ranges_steps_and_lists) {
    EXPECT_EQ(minutes("5"), Ints({5}));
    EXPECT_EQ(minutes("5-8"), Ints({5, 6, 7, 8}));
    EXPECT_EQ(minutes("*/20"), Ints({0, 20, 40}));
    EXPECT_EQ(minutes("10-30/10"), Ints({10, 20, 30}));
    EXPECT_EQ(minutes("50/4"), Ints({50, 54, 58}));
    EXPECT_EQ(minutes("1,3-5,50-59/9,3"), Ints({1, 3, 4, 5, 50, 59}));
    EXPECT_EQ(minutes("007"), Ints({7}));
    EXPECT_EQ(minutes("3/2147483647"), Ints({3}));
    EXPECT_EQ(hours("*").size(), 24U);
    EXPECT_EQ(hours("0,23"), Ints({0, 23}));
}

TEST(Expression, C9_names_of_months_and_weekdays_in_any_case) {
    EXPECT_EQ(months("jan,Jun-AUG,12"), Ints({1, 6, 7, 8, 12}));
    EXPECT_EQ(weekdays("mon-Fri"), Ints({1, 2, 3, 4, 5}));
    EXPECT_EQ(weekdays("sun"), Ints({0}));
}

TEST(Expression, C9_sunday_is_0_and_7_and_may_end_a_range) {
    EXPECT_EQ(weekdays("7"), Ints({0}));
    EXPECT_EQ(weekdays("0"), Ints({0}));
    EXPECT_EQ(weekdays("5-7"), Ints({0, 5, 6}));
    EXPECT_EQ(weekdays("fri-sun"), Ints({0, 5, 6}));
    EXPECT_EQ(weekdays("0-7").size(), 7U);
}

TEST(Expression, C9_a_second_may_come_first) {
    const Expression without = parsed("1 2 3 4 *");
    EXPECT_EQ(all(0, 59, [&](int value) { return without.fits_second(value); }), Ints({0}));
    const Expression with = parsed("*/30 1 2 3 4 *");
    EXPECT_EQ(all(0, 59, [&](int value) { return with.fits_second(value); }), Ints({0, 30}));
    EXPECT_TRUE(with.fits_minute(1));
    EXPECT_FALSE(with.fits_minute(2));
}

TEST(Expression, C9_either_day_is_enough_where_both_are_restricted) {
    const Expression both = parsed("0 0 13 * fri");
    EXPECT_TRUE(both.fits_day(13, false, 1));
    EXPECT_TRUE(both.fits_day(14, false, 5));
    EXPECT_FALSE(both.fits_day(14, false, 1));
    const Expression starred = parsed("0 0 */2 * fri");
    EXPECT_TRUE(starred.fits_day(3, false, 5));
    EXPECT_FALSE(starred.fits_day(3, false, 1));
    EXPECT_FALSE(starred.fits_day(4, false, 5));
    const Expression question = parsed("0 0 ? * fri");
    EXPECT_TRUE(question.fits_day(4, false, 5));
    EXPECT_FALSE(question.fits_day(4, false, 4));
}

TEST(Expression, C9_L_is_the_last_day_of_the_month) {
    const Expression last = parsed("0 0 L * *");
    EXPECT_TRUE(last.fits_day(28, true, 0));
    EXPECT_FALSE(last.fits_day(28, false, 0));
    const Expression also = parsed("0 0 1,L * *");
    EXPECT_TRUE(also.fits_day(1, false, 0));
    EXPECT_TRUE(also.fits_day(30, true, 0));
}

TEST(Expression, C9_nicknames_and_white_space) {
    EXPECT_TRUE(parsed("@hourly").any_hour());
    const Expression weekly = parsed(" @Weekly\t");
    EXPECT_TRUE(weekly.fits_day(10, false, 0));
    EXPECT_FALSE(weekly.fits_day(10, false, 1));
    EXPECT_FALSE(weekly.any_hour());
    EXPECT_EQ(parsed("\t 0  1 * *\t* ").text(), "\t 0  1 * *\t* ");
    for (const char* name : {"@yearly", "@annually", "@monthly", "@daily", "@midnight"}) parsed(name);
}

TEST(Expression, C9_only_a_star_that_begins_the_hour_means_real_hours) {
    EXPECT_TRUE(parsed("0 * * * *").any_hour());
    EXPECT_TRUE(parsed("0 */2 * * *").any_hour());
    EXPECT_FALSE(parsed("0 0-23 * * *").any_hour());
    EXPECT_FALSE(parsed("* 2 * * *").any_hour());
}

TEST(Expression, C9_what_is_wrong_names_the_field) {
    EXPECT_EQ(problem("60 * * * *"), "minute: 60 is not from 0 to 59");
    EXPECT_EQ(problem("0 24 * * *"), "hour: 24 is not from 0 to 23");
    EXPECT_EQ(problem("0 0 0 * *"), "day of month: 0 is not from 1 to 31");
    EXPECT_EQ(problem("0 0 1 13 *"), "month: 13 is not from 1 to 12");
    EXPECT_EQ(problem("0 0 * * 8"), "day of week: 8 is not from 0 to 7");
    EXPECT_EQ(problem("61 0 0 * * *"), "second: 61 is not from 0 to 59");
    EXPECT_EQ(problem("a * * * *"), "minute: 'a' is not a number from 0 to 59");
    EXPECT_EQ(problem("0 0 * may-foo *"), "month: 'foo' is not a number from 1 to 12 nor a name such as feb");
    EXPECT_EQ(problem("0 22-2 * * *"), "hour: 22-2 ends before it begins");
    EXPECT_EQ(problem("*/0 * * * *"), "minute: '*/0' has no step of 1 or more");
    EXPECT_EQ(problem("*/ * * * *"), "minute: '*/' has no step of 1 or more");
    EXPECT_EQ(problem("1,,2 * * * *"), "minute: a list has an empty part");
    EXPECT_EQ(problem("1, * * * *"), "minute: a list has an empty part");
    EXPECT_EQ(problem("-1 * * * *"), "minute: '' is not a number from 0 to 59");
    EXPECT_EQ(problem("? * * * *"), "minute: '?' is not a number from 0 to 59");
    EXPECT_EQ(problem("99999999999 * * * *"), "minute: '99999999999' is not a number from 0 to 59");
    EXPECT_EQ(
        problem("* * * *"),
        "it has 4 fields: minute, hour, day of month, month and day of week are needed, and seconds may come before");
    EXPECT_EQ(
        problem(""),
        "it has 0 fields: minute, hour, day of month, month and day of week are needed, and seconds may come before");
    EXPECT_EQ(problem("@reboot"),
              "'@reboot' is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly");
    EXPECT_EQ(problem("TZ=UTC 0 0 * * *"), "second: 'TZ=UTC' is not a number from 0 to 59");
    EXPECT_EQ(problem("0 0 5L * *"), "day of month: '5L' is not a number from 1 to 31");
    EXPECT_EQ(problem(std::string(2000, '*')), "it is longer than 1024 bytes");
}

TEST(Expression, C9_days_that_never_come_are_refused) {
    EXPECT_EQ(problem("0 0 30 2 *"), "day of month: no month that is named has such a day");
    EXPECT_EQ(problem("0 0 31 2,4,6,9,11 *"), "day of month: no month that is named has such a day");
    parsed("0 0 29 2 *");
    parsed("0 0 30 2 mon");  // either is enough
    parsed("0 0 */29 2 thu");
}

RC_GTEST_PROP(Expression, C9_any_text_has_an_answer, ()) {
    const auto text = *rc::gen::container<std::string>(rc::gen::oneOf(
        rc::gen::arbitrary<char>(), rc::gen::element('*', '/', '-', ',', ' ', '0', '1', '2', '9', 'L', '@')));
    const Result<Expression> expression = Expression::parse(text);
    if (expression) RC_ASSERT(expression->text() == text);
    if (!expression) RC_ASSERT(!expression.error().message.empty());
}

}  // namespace
}  // namespace drover::cron
