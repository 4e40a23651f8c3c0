// The brokers' wall clock, as far as answers to writes tell it. Room: gateway/scheduler.
//
// A record's time was a moment ago when its writer hears of it, so each answer says the least that it can be. The
// largest of the last ten minutes holds: late by the quickest answer, and never early, also where the clocks drift.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "src/base/time.h"

namespace drover::gateway {

class BrokersClock {
public:
    using Steady = std::chrono::steady_clock::time_point;

    // `there`: what a record was stamped with; `here`: when that was heard, or later.
    void hear(Time there, Steady here) {
        const Duration difference = there - Time(since_start(here));
        if (here >= recent_until_) {
            before_ = recent_;
            recent_ = std::nullopt;
            recent_until_ = here + std::chrono::minutes(5);
        }
        recent_ = std::max(recent_.value_or(difference), difference);
    }

    std::optional<Time> at(Steady here) const {
        if (!recent_ && !before_) return std::nullopt;
        return Time(since_start(here)) + std::max(recent_.value_or(Duration::min()), before_.value_or(Duration::min()));
    }

private:
    static Duration since_start(Steady here) { return std::chrono::duration_cast<Duration>(here.time_since_epoch()); }

    std::optional<Duration> recent_, before_;
    Steady recent_until_{};
};

}  // namespace drover::gateway
