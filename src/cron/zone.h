// An IANA time zone. Pure, but for the rules that loading reads from /usr/share/zoneinfo (or $TZDIR). Room: cron.
// A value; cheap to copy, and any thread may use it.
#pragma once

#include <string>
#include <string_view>

#include <cctz/time_zone.h>

#include "src/base/result.h"

namespace drover::cron {

class Zone {
public:
    Zone() = default;  // UTC

    // "UTC", "Europe/Berlin", …; "" is UTC. An `invalid` Error for all else, as the end of a sentence that begins with
    // the field. Rules and failures stay in memory once they were read: do not try names of people without a role.
    static Result<Zone> load(std::string_view name);

    std::string name() const { return rules_.name(); }
    const cctz::time_zone& rules() const { return rules_; }

private:
    explicit Zone(cctz::time_zone rules) : rules_(rules) {}

    cctz::time_zone rules_ = cctz::utc_time_zone();
};

}  // namespace drover::cron
