#include "src/cron/times.h"

#include <algorithm>

#include <cctz/civil_time.h>

namespace drover::cron {
namespace {

using std::chrono::seconds;
using Moment = cctz::time_point<cctz::seconds>;

constexpr int days_of_a_cycle = 146'097;  // dates and weekdays repeat after 400 years

const Moment earliest = cctz::convert(cctz::civil_second(1, 1, 1), cctz::utc_time_zone());
// cctz knows no change of a zone's offset after about 2430.
const Moment latest = cctz::convert(cctz::civil_second(2399, 12, 31, 23, 59, 59), cctz::utc_time_zone());

struct TimeOfDay {
    int hour = 0;
    int minute = 0;
    int second = 0;
};

// The first that fits from `from` on.
std::optional<TimeOfDay> next_of_day(const Expression& expression, TimeOfDay from) {
    for (int hour = from.hour; hour < 24; ++hour, from.minute = from.second = 0) {
        if (!expression.fits_hour(hour)) continue;
        for (int minute = from.minute; minute < 60; ++minute, from.second = 0) {
            if (!expression.fits_minute(minute)) continue;
            for (int second = from.second; second < 60; ++second) {
                if (expression.fits_second(second)) return TimeOfDay{hour, minute, second};
            }
        }
    }
    return std::nullopt;
}

bool fits_date(const Expression& expression, const cctz::civil_day& day) {
    const int weekday = (static_cast<int>(cctz::get_weekday(day)) + 1) % 7;  // cctz begins on Monday
    return expression.fits_day(day.day(), (day + 1).month() != day.month(), weekday);
}

// The first that fits from `from` on, by the clock alone.
std::optional<cctz::civil_second> next_by_clock(const Expression& expression, const cctz::civil_second& from) {
    cctz::civil_day day(from);
    const cctz::civil_day end = day + days_of_a_cycle;
    TimeOfDay start{from.hour(), from.minute(), from.second()};
    while (day <= end) {
        if (!expression.fits_month(day.month())) {
            day = cctz::civil_day(cctz::civil_month(day) + 1);
        } else {
            if (fits_date(expression, day)) {
                if (const std::optional<TimeOfDay> found = next_of_day(expression, start)) {
                    return cctz::civil_second(day.year(), day.month(), day.day(), found->hour, found->minute,
                                              found->second);
                }
            }
            ++day;
        }
        start = {};
    }
    return std::nullopt;
}

// A missing time is the end of its gap, a doubled one the first of the two.
Moment moment_of(const cctz::civil_second& clock, const cctz::time_zone& rules) {
    const cctz::time_zone::civil_lookup found = rules.lookup(clock);
    return found.kind == cctz::time_zone::civil_lookup::SKIPPED ? found.trans : found.pre;
}

std::optional<Moment> next_on_the_clock(const Expression& expression, const cctz::time_zone& rules, Moment from) {
    cctz::civil_second clock = rules.lookup(from - cctz::seconds(1)).cs + 1;  // at a gap's end: what is missing comes
    while (const std::optional<cctz::civil_second> found = next_by_clock(expression, clock)) {
        const Moment moment = moment_of(*found, rules);
        if (moment >= from) return moment;
        clock = *found + 1;  // the second of two
    }
    return std::nullopt;
}

std::optional<Moment> next_change(const cctz::time_zone& rules, Moment after) {
    cctz::time_zone::civil_transition change;
    if (!rules.next_transition(after, &change)) return std::nullopt;
    return rules.lookup(change.to).trans;
}

std::optional<Moment> next_in_real_hours(const Expression& expression, const cctz::time_zone& rules, Moment from) {
    while (from <= latest) {
        const cctz::civil_second clock = rules.lookup(from).cs;
        const std::optional<cctz::civil_second> found = next_by_clock(expression, clock);
        if (!found) return std::nullopt;
        const Moment moment = from + cctz::seconds(*found - clock);
        const std::optional<Moment> change = next_change(rules, from);
        if (!change || moment < *change) return moment;
        from = *change;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Time> next(const Expression& expression, const Zone& zone, Time after) {
    const Moment from = std::max(earliest, Moment(std::chrono::floor<seconds>(after).time_since_epoch()) + seconds(1));
    if (from > latest) return std::nullopt;
    const std::optional<Moment> found = expression.any_hour() ? next_in_real_hours(expression, zone.rules(), from)
                                                              : next_on_the_clock(expression, zone.rules(), from);
    if (!found || *found > latest) return std::nullopt;
    return Time(found->time_since_epoch());
}

std::optional<Time> last_within(const Expression& expression, const Zone& zone, Time after, Time until) {
    std::optional<Time> last = next(expression, zone, after);
    if (!last || *last > until) return std::nullopt;
    // `last` comes, and nothing comes after `none_after`.
    for (Time none_after = until; *last < none_after;) {
        const Time middle = *last + (none_after - *last) / 2;
        const std::optional<Time> found = next(expression, zone, middle);
        if (found && *found <= until) {
            last = found;
        } else if (middle == *last) {
            break;
        } else {
            none_after = middle;
        }
    }
    return last;
}

}  // namespace drover::cron
