// How the workers of each queue do and when they were scaled, as the topic drover.gateway tells
// (src/jobqueue/workers_record.h). Pure. Room: gateway/core.
//
// The topic is compacted, so what is known of earlier steps after a start depends on what is still there.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/jobqueue/workers_record.h"

namespace drover::gateway {

struct ScalingStep {
    Time at{};
    int from = 0, to = 0;
    std::string reason, message;
    bool operator==(const ScalingStep&) const = default;
};

class WorkersBook {
public:
    struct Entry {
        jobqueue::WorkersRecord now;
        Time at{};                      // when that was told
        std::deque<ScalingStep> steps;  // oldest first, the newest 200
    };

    // A record whose key begins with workers_record_prefix; without a value the queue is gone. `invalid`: it says
    // nothing that can be understood, and what was known stays.
    Result<void> apply(std::string_view key, std::optional<std::string_view> value, Time at);

    const Entry* find(std::string_view queue) const;  // null: nobody has told
    std::vector<ScalingStep> steps(std::string_view queue, Time since) const;

private:
    static constexpr std::size_t most_steps = 200;
    std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace drover::gateway
