// What a watch does next: list, or watch on from a version, and after how long. Room: kube. Pure.
//
//   list ──listed──► watch ──ended──► watch, from the last version that was seen
//    ▲                 │
//    └── 410, a line that cannot be read, another refusal ──┘
//
// Failures in a row are waited for, longer each time, and never shorter than the server asked for. What went well ends
// the row: an event, a bookmark, or a watch that lived for `good_life`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/time.h"
#include "src/kube/api_error.h"

namespace drover::kube {

struct WatchStep {
    enum class Do { list, watch };
    Do what = Do::list;
    std::string version;  // to watch from
    Duration after{0};

    bool operator==(const WatchStep&) const = default;
};

class WatchState {
public:
    static constexpr Duration first_wait = std::chrono::milliseconds(500);
    static constexpr Duration longest_wait = std::chrono::seconds(30);
    static constexpr Duration good_life = std::chrono::seconds(10);

    WatchStep start() const { return {}; }
    // A list was read in whole.
    WatchStep listed(std::string version, double random);
    // An event or a bookmark came.
    void advanced(std::string version);
    // The list failed, or the watch ended after `lived`: with an error, or as watches end by themselves. `random`: from
    // 0 to 1, spreads clients.
    WatchStep ended(const std::optional<ApiError>& error, Duration lived, double random);

    std::uint32_t failures() const { return failures_; }

private:
    WatchStep next(double random, std::optional<Duration> at_least) const;

    std::string version_;  // "": to be listed
    std::uint32_t failures_ = 0;
};

}  // namespace drover::kube
