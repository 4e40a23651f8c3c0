#include "cli/figures.h"

#include <limits>

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

TEST(Figures, D1_numbers_have_thousands_separators) {
    EXPECT_EQ(with_thousands(0), "0");
    EXPECT_EQ(with_thousands(999), "999");
    EXPECT_EQ(with_thousands(1000), "1,000");
    EXPECT_EQ(with_thousands(1234567), "1,234,567");
    EXPECT_EQ(with_thousands(-123456), "-123,456");
    EXPECT_EQ(with_thousands(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Figures, D1_rates_have_a_decimal_only_while_small) {
    EXPECT_EQ(per_second(0), "0");
    EXPECT_EQ(per_second(0.4), "0.4");
    EXPECT_EQ(per_second(9.94), "9.9");
    EXPECT_EQ(per_second(9.96), "10");
    EXPECT_EQ(per_second(1204.2), "1,204");
    EXPECT_EQ(per_second(-1), "0");
    EXPECT_EQ(per_second(std::numeric_limits<double>::quiet_NaN()), "–");
    EXPECT_EQ(per_second(std::numeric_limits<double>::infinity()), "–");
}

TEST(Figures, D1_latencies_have_two_or_three_digits_and_a_unit) {
    EXPECT_EQ(latency(310us), "0.31 ms");
    EXPECT_EQ(latency(999us), "1.0 ms");
    EXPECT_EQ(latency(4200us), "4.2 ms");
    EXPECT_EQ(latency(9960us), "10 ms");
    EXPECT_EQ(latency(999'600us), "1.0 s");
    EXPECT_EQ(latency(35s), "35 s");
    EXPECT_EQ(latency(125s), "2m 05s");
    EXPECT_EQ(latency(-1s), "0.00 ms");
}

TEST(Figures, D1_elapsed_time_reads_as_a_clock) {
    EXPECT_EQ(clock_time(0s), "0:00");
    EXPECT_EQ(clock_time(42'999ms), "0:42");
    EXPECT_EQ(clock_time(725s), "12:05");
    EXPECT_EQ(clock_time(3723s), "1:02:03");
    EXPECT_EQ(clock_time(-5s), "0:00");
}

}  // namespace
}  // namespace drover::cli
