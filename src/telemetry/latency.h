// A histogram of times, cheap to add to and exact enough for p50 and p99. Room: telemetry. Pure; one thread.
//
// Log-linear buckets as in HdrHistogram: every power of two is cut into 32, so that a bucket's middle is within 1.6 %
// of what it holds. Times are counted in microseconds, from 0 to an hour; longer ones count as an hour.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::telemetry {

class LatencyHistogram {
public:
    void add(Duration time) {
        ++counts_[bucket_of(time)];
        ++count_;
    }
    void merge(const LatencyHistogram& other);

    std::uint64_t count() const { return count_; }
    // Of all of them together, each as the middle of its bucket.
    Duration total() const;
    // `q` from 0 to 1: the time that the fraction q of all did not exceed. 0 where there is nothing.
    Duration quantile(double q) const;

    // A flat JSON array of bucket and count, of the buckets that are not empty: [517,3,520,1].
    std::string to_json() const;
    // `invalid` where it is not what to_json() writes.
    static Result<LatencyHistogram> from_json(std::string_view text);

    bool operator==(const LatencyHistogram&) const = default;

private:
    static constexpr unsigned steps_bits = 5;
    static constexpr std::uint64_t steps = 1u << steps_bits;
    static constexpr std::uint64_t longest = 3'600'000'000;

    // Values below `steps` have a bucket each. Above, the top six bits name the bucket: the first is always 1.
    static constexpr std::size_t bucket_of_micros(std::uint64_t micros) {
        if (micros < steps) return micros;
        const auto shift = static_cast<unsigned>(std::bit_width(micros)) - (steps_bits + 1);
        return (shift + 1) * steps + ((micros >> shift) - steps);
    }
    static constexpr std::size_t bucket_of(Duration time) {
        const auto micros = time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
        return bucket_of_micros(std::min(micros, longest));
    }
    static Duration middle_of(std::size_t bucket);

    static constexpr std::size_t buckets = (std::bit_width(longest) - steps_bits + 1) * steps;
    std::array<std::uint64_t, buckets> counts_{};
    std::uint64_t count_ = 0;
};

}  // namespace drover::telemetry
