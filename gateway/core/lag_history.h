// How much there was to do in a queue, over the last day: a point for each 10 s of the last hour, and one for each 2
// minutes of the day. Pure; at most 1,080 points. Room: gateway/core.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "src/base/time.h"

namespace drover::gateway {

struct LagPoint {
    Time at{};                   // the end of its stretch of time
    std::int64_t lag = 0;        // jobs that are not finished, the most in that time
    std::int64_t backlog = 0;    // of these, without retries that are not due
    std::int64_t dead = 0;       // dead letters, at its end
    std::optional<int> workers;  // that were wanted at its end; nothing: nobody told
    bool operator==(const LagPoint&) const = default;
};

class LagHistory {
public:
    // Times that go back are taken as the last one was.
    void add(LagPoint point);

    // Oldest first, at most `most` (1 or more) of equal stretches of time; those in which nothing was seen are missing.
    std::vector<LagPoint> points(Time since, Time now, std::size_t most) const;

private:
    struct Track {
        Duration step;
        Duration kept;
        std::deque<LagPoint> points;
        void add(const LagPoint& point);
    };
    Track fine_{std::chrono::seconds(10), std::chrono::hours(1), {}};
    Track coarse_{std::chrono::minutes(2), std::chrono::hours(24), {}};
};

}  // namespace drover::gateway
