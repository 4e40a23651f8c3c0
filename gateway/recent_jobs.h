// Jobs that were submitted here a moment ago, which the view may not know yet. Pure values; one thread. Room: gateway.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "gateway/core/job.h"

namespace drover::gateway {

class RecentJobs {
public:
    void add(Job job, Time now);
    // The view has it.
    void forget(const std::string& id) { jobs_.erase(id); }
    const Job* find(const std::string& id, Time now) const;

private:
    static constexpr Duration kept = std::chrono::minutes(1);
    static constexpr std::size_t most = 100'000;

    struct Kept {
        Job job;
        Time until{};
    };
    std::unordered_map<std::string, Kept> jobs_;
    std::deque<std::pair<Time, std::string>> ends_;
};

}  // namespace drover::gateway
