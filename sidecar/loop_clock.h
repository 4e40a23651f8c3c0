// The wall clock that the sidecar reckons with: right at the start, steady from then on. Room: sidecar.
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

private:
    std::chrono::steady_clock::time_point steady_start_ = std::chrono::steady_clock::now();
    Time wall_start_ = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
};

}  // namespace drover::sidecar
