// A cron expression. Pure. Room: cron.
//
//   [second] minute hour day-of-month month day-of-week      five fields, or six with seconds
//   @yearly @annually @monthly @weekly @daily @midnight @hourly
//
//   *        all, in the days ? too     a,b      a list of any of these
//   a-b      from a to b                x/n      each n-th of *, a-b or a to the end
//   jan-dec, sun-sat                    names, in any case; 0 and 7 are Sunday
//   L        the last day of the month
//
// A day has to fit both the day of the month and the day of the week where one of them begins with *; where both are
// restricted, either is enough, as in Vixie cron.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace drover::cron {

class Expression {
public:
    // An `invalid` Error names the field: "hour: 24 is not from 0 to 23". An expression that no day ever fits, such as
    // 30 February, is invalid too. Total for any bytes.
    static Result<Expression> parse(std::string_view text);

    const std::string& text() const { return text_; }  // as it was written
    bool operator==(const Expression& other) const { return text_ == other.text_; }

    bool fits_second(int second) const { return seconds_[index(second)]; }
    bool fits_minute(int minute) const { return minutes_[index(minute)]; }
    bool fits_hour(int hour) const { return hours_[index(hour)]; }
    bool fits_month(int month) const { return months_[index(month)]; }
    // `weekday` 0 is Sunday. Months are fits_month()'s.
    bool fits_day(int day, bool is_last_of_month, int weekday) const;

    // The hour begins with *: it follows real hours, not the clock on the wall. See times.h.
    bool any_hour() const { return any_hour_; }

private:
    Expression() = default;
    Result<void> read(std::string_view text);
    bool ever_fits() const;
    static std::size_t index(int value) { return static_cast<std::size_t>(value); }

    std::string text_;
    std::bitset<60> seconds_, minutes_;
    std::bitset<24> hours_;
    std::bitset<32> days_;
    std::bitset<13> months_;
    std::bitset<7> weekdays_;
    bool last_day_ = false;
    bool any_hour_ = false;
    bool any_day_ = false;
    bool any_weekday_ = false;
};

}  // namespace drover::cron
