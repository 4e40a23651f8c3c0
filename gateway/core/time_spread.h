// How times spread: a histogram that can be added up, taken apart again, and kept as JSON. Pure. Room: gateway/core.
//
// Buckets as in src/telemetry/latency.h, with every power of two cut into 16, so that a bucket's middle is within 3.2 %
// of what it holds; but kept sparse, since there is one for each minute of each queue and type, and with counts that
// may be subtracted: a job that turns out to have gone differently is counted anew. Times from 0 to 12 days.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "gateway/core/job.h"
#include "src/base/time.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {

class TimeSpread {
public:
    void add(Duration time, std::int64_t count = 1);
    void add(const TimeSpread& other);

    bool is_empty() const { return buckets_.empty() && sum_ == 0; }
    TimeFigures figures() const;

    // [sum,bucket,count,…]: the sum in microseconds.
    void append_json(std::string& out) const;
    static bool read(const jobqueue::JsonValue& value, TimeSpread& out);

    bool operator==(const TimeSpread&) const = default;

private:
    Duration quantile(std::int64_t count, double q) const;

    std::map<int, std::int64_t> buckets_;  // without zeros
    std::int64_t sum_ = 0;
};

}  // namespace drover::gateway
