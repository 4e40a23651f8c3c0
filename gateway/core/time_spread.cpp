#include "gateway/core/time_spread.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace drover::gateway {
namespace {

constexpr unsigned steps_bits = 4;
constexpr std::uint64_t steps = 1u << steps_bits;
constexpr std::uint64_t longest = (std::uint64_t{1} << 40) - 1;  // microseconds

// Values below `steps` have a bucket each. Above, the top five bits name the bucket: the first is always 1.
constexpr int bucket_of(std::uint64_t micros) {
    if (micros < steps) return static_cast<int>(micros);
    const auto shift = static_cast<unsigned>(std::bit_width(micros)) - (steps_bits + 1);
    return static_cast<int>((shift + 1) * steps + ((micros >> shift) - steps));
}

constexpr int last_bucket = bucket_of(longest);

Duration middle_of(int bucket) {
    const auto number = static_cast<std::uint64_t>(bucket);
    if (number < steps) return Duration(bucket);
    const auto shift = static_cast<unsigned>(number / steps - 1);
    const std::uint64_t lowest = (steps + number % steps) << shift;
    return Duration(lowest + ((std::uint64_t{1} << shift) - 1) / 2);
}

}  // namespace

void TimeSpread::add(Duration time, std::int64_t count) {
    const std::uint64_t micros = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)), longest);
    const auto bucket = buckets_.try_emplace(bucket_of(micros)).first;
    bucket->second += count;
    if (bucket->second == 0) buckets_.erase(bucket);
    sum_ += static_cast<std::int64_t>(micros) * count;
}

void TimeSpread::add(const TimeSpread& other) {
    for (const auto& [number, count] : other.buckets_) {
        const auto bucket = buckets_.try_emplace(number).first;
        bucket->second += count;
        if (bucket->second == 0) buckets_.erase(bucket);
    }
    sum_ += other.sum_;
}

TimeFigures TimeSpread::figures() const {
    std::int64_t count = 0;
    for (const auto& [number, here] : buckets_) count += std::max<std::int64_t>(here, 0);
    if (count == 0) return {};
    return {.count = count,
            .mean = Duration(std::max<std::int64_t>(sum_, 0) / count),
            .p50 = quantile(count, 0.5),
            .p95 = quantile(count, 0.95),
            .p99 = quantile(count, 0.99)};
}

Duration TimeSpread::quantile(std::int64_t count, double q) const {
    const auto wanted = static_cast<std::int64_t>(std::ceil(q * static_cast<double>(count)));
    std::int64_t seen = 0;
    for (const auto& [number, here] : buckets_) {
        seen += std::max<std::int64_t>(here, 0);
        if (seen >= wanted) return middle_of(number);
    }
    return Duration(0);
}

void TimeSpread::append_json(std::string& out) const {
    out.push_back('[');
    jobqueue::append_json_number(out, sum_);
    for (const auto& [number, count] : buckets_) {
        out.push_back(',');
        jobqueue::append_json_number(out, number);
        out.push_back(',');
        jobqueue::append_json_number(out, count);
    }
    out.push_back(']');
}

bool TimeSpread::read(const jobqueue::JsonValue& value, TimeSpread& out) {
    if (value.kind() != jobqueue::JsonValue::Kind::array) return false;
    jobqueue::JsonParts parts(value);
    const auto next = [&]() -> std::optional<std::int64_t> {
        return parts.next() ? parts.value().integer() : std::nullopt;
    };
    const auto sum = next();
    if (!sum) return false;
    out.sum_ = *sum;
    while (parts.next()) {
        const auto bucket = parts.value().integer(), count = next();
        if (!bucket || !count || *bucket < 0 || *bucket > last_bucket) return false;
        if (*count != 0) out.buckets_[static_cast<int>(*bucket)] = *count;
    }
    return true;
}

}  // namespace drover::gateway
