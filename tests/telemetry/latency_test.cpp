#include "src/telemetry/latency.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace drover::telemetry {
namespace {

using namespace std::chrono_literals;

// From a microsecond to an hour, every order of magnitude alike.
rc::Gen<std::vector<std::int64_t>> times() {
    return rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(
        rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 32), rc::gen::inRange<std::int64_t>(0, 3'600'000'001)),
                     [](const auto& pair) { return pair.second >> pair.first; })));
}

LatencyHistogram histogram_of(const std::vector<std::int64_t>& micros) {
    LatencyHistogram histogram;
    for (const auto time : micros) histogram.add(Duration(time));
    return histogram;
}

RC_GTEST_PROP(LatencyHistogram, quantiles_are_within_three_percent, ()) {
    auto micros = *times();
    const auto histogram = histogram_of(micros);
    std::sort(micros.begin(), micros.end());
    for (const double q : {0.0, 0.5, 0.9, 0.99, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(micros.size())));
        const auto exact = micros[std::max<std::size_t>(rank, 1) - 1];
        const auto told = histogram.quantile(q).count();
        RC_ASSERT(std::abs(told - exact) * 100 <= exact * 3);
    }
}

RC_GTEST_PROP(LatencyHistogram, their_total_is_within_three_percent, ()) {
    const auto micros = *times();
    const auto exact = std::accumulate(micros.begin(), micros.end(), std::int64_t{0});
    RC_ASSERT(std::abs(histogram_of(micros).total().count() - exact) * 100 <= exact * 3);
}

RC_GTEST_PROP(LatencyHistogram, merging_is_adding_all_to_one, ()) {
    auto first = *times();
    const auto second = *times();
    auto merged = histogram_of(first);
    merged.merge(histogram_of(second));
    first.insert(first.end(), second.begin(), second.end());
    RC_ASSERT(merged == histogram_of(first));
    RC_ASSERT(merged.count() == first.size());
}

RC_GTEST_PROP(LatencyHistogram, comes_back_from_json_unchanged, ()) {
    const auto histogram = histogram_of(*times());
    const auto back = LatencyHistogram::from_json(histogram.to_json());
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == histogram);
}

TEST(LatencyHistogram, is_empty_at_first) {
    const LatencyHistogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.quantile(0.5), 0us);
    EXPECT_EQ(histogram.to_json(), "[]");
    EXPECT_EQ(*LatencyHistogram::from_json("[]"), histogram);
}

TEST(LatencyHistogram, clamps_what_is_negative_or_longer_than_an_hour) {
    LatencyHistogram histogram;
    histogram.add(-5s);
    EXPECT_EQ(histogram.quantile(1), 0us);
    histogram.add(Duration::max());
    EXPECT_NEAR(static_cast<double>(histogram.quantile(1).count()), 3.6e9, 3.6e9 * 0.03);
}

TEST(LatencyHistogram, refuses_json_that_it_did_not_write) {
    for (const auto* text : {"", "{}", "[1]", "[1,2,3]", "[-1,2]", "[1,-2]", "[1.5,2]", "[\"1\",2]", "[100000,1]",
                             "[1,18446744073709551615,2,1]", "[1,2", "[[1,2]]"}) {
        const auto result = LatencyHistogram::from_json(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error().code, Error::Code::invalid);
    }
}

}  // namespace
}  // namespace drover::telemetry
