// Statistics of several sidecars, added up. Pure. Room: cli.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "sidecar/stats.h"

namespace drover::cli {

// Counters and histograms, and what is in flight and held; of the rest, trouble and a blocked job where `sum` has none.
void add_to(sidecar::Stats& sum, const sidecar::Stats& one);

// What stays of a sidecar that has ended: what it did, nothing of what it was about to do.
sidecar::Stats past_of(const sidecar::Stats& stats);

// Jobs a second over the last three seconds.
class RateMeter {
public:
    using Clock = std::chrono::steady_clock;
    // `total` never shrinks; called about twice a second.
    void count(std::uint64_t total, Clock::time_point now);
    double per_second() const;
    // From the beginning of the first interval in which it grew to the end of the last.
    std::chrono::duration<double> active_time() const;

private:
    struct Sample {
        Clock::time_point at;
        std::uint64_t total;
    };
    std::deque<Sample> samples_;
    Clock::time_point first_growth_{}, last_growth_{};
};

}  // namespace drover::cli
