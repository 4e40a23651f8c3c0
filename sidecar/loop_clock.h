// The wall clock that the sidecar reckons with: right when it is set, steady from then on. Room: sidecar.
// A jump of the machine's clock moves no retry and no timeout.
#pragma once

#include <chrono>

#include "src/base/time.h"

namespace drover::sidecar {

class LoopClock {
public:
    Time now() const {
        const auto passed = std::chrono::steady_clock::now() - steady_start_;
        return wall_start_ + std::chrono::duration_cast<Duration>(passed);
    }

    // Before anything is reckoned with it: the time that the brokers have, by which all pods agree on what is due.
    void set(Time now_there) { wall_start_ += now_there - now(); }

    // From the machine's clock as it is now.
    Duration offset() const { return now() - std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

private:
    // Read first: held up between the two, this clock is late, which makes no retry early.
    Time wall_start_ = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    std::chrono::steady_clock::time_point steady_start_ = std::chrono::steady_clock::now();
};

}  // namespace drover::sidecar
