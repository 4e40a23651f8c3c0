#include "src/telemetry/latency.h"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace drover::telemetry {

void LatencyHistogram::merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
}

Duration LatencyHistogram::middle_of(std::size_t bucket) {
    if (bucket < steps) return Duration(bucket);
    const auto shift = static_cast<unsigned>(bucket / steps - 1);
    const std::uint64_t lowest = (steps + bucket % steps) << shift;
    return Duration(lowest + ((std::uint64_t{1} << shift) - 1) / 2);
}

Duration LatencyHistogram::quantile(double q) const {
    if (count_ == 0) return Duration(0);
    const double rank = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
    const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
        seen += counts_[i];
        if (seen >= wanted) return middle_of(i);
    }
    return middle_of(buckets - 1);
}

Duration LatencyHistogram::total() const {
    std::uint64_t micros = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
        if (counts_[i] > 0) micros += counts_[i] * static_cast<std::uint64_t>(middle_of(i).count());
    }
    return Duration(micros);
}

std::string LatencyHistogram::to_json() const {
    std::string json = "[";
    for (std::size_t i = 0; i < buckets; ++i) {
        if (counts_[i] == 0) continue;
        if (json.size() > 1) json += ',';
        json += std::to_string(i) + ',' + std::to_string(counts_[i]);
    }
    return json + ']';
}

Result<LatencyHistogram> LatencyHistogram::from_json(std::string_view text) {
    const auto wrong = [](const char* why) {
        return failure(Error::Code::invalid, std::string("not a latency histogram: ") + why);
    };
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_array()) return wrong("not a JSON array");
    if (json.size() % 2 != 0) return wrong("a bucket without its count");
    LatencyHistogram histogram;
    for (std::size_t i = 0; i < json.size(); i += 2) {
        if (!json[i].is_number_unsigned() || !json[i + 1].is_number_unsigned()) return wrong("not a whole number");
        const auto bucket = json[i].get<std::uint64_t>(), count = json[i + 1].get<std::uint64_t>();
        if (bucket >= buckets) return wrong("a bucket that there is not");
        if (count > std::numeric_limits<std::uint64_t>::max() - histogram.count_) return wrong("counts too large");
        histogram.counts_[bucket] += count;
        histogram.count_ += count;
    }
    return histogram;
}

}  // namespace drover::telemetry
