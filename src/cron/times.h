// When a schedule comes. Pure. Room: cron. Whole seconds; total: any time may be asked for.
//
// Daylight saving, as Vixie cron does it, which Kubernetes' CronJobs do not (they leave a missing time out, and run a
// doubled one twice):
//  * An hour that begins with * (*/2 too) means real hours: whatever the clock shows then fits or not. Doubled hours
//    run twice, missing ones do not run.
//  * Any other hour means a time on the clock, which comes once a day: one that is missing, at the first moment
//    after the gap, and several that are missing, together once; one that is doubled, the first time only.
// In this Vixie cron is not followed: it takes a * of the minutes for one of the hours. Zones that leave out a whole
// day are no exception.
#pragma once

#include <optional>

#include "src/base/time.h"
#include "src/cron/expression.h"
#include "src/cron/zone.h"

namespace drover::cron {

// The first after `after`; nothing past the year 2399. Years before 1 read as that one.
std::optional<Time> next(const Expression& expression, const Zone& zone, Time after);

// The last within (after, until]; nothing where there is none.
std::optional<Time> last_within(const Expression& expression, const Zone& zone, Time after, Time until);

inline bool is_due_within(const Expression& expression, const Zone& zone, Time after, Time until) {
    const std::optional<Time> first = next(expression, zone, after);
    return first && *first <= until;
}

}  // namespace drover::cron
