#include "src/jobqueue/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/jobqueue/retry_policy.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;

TEST(Durations, are_read_with_their_units) {
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("2m"), 2min);
    EXPECT_EQ(parse_duration("1h30m"), 90min);
    EXPECT_EQ(parse_duration("1h0m5s"), 3605s);
    EXPECT_EQ(parse_duration("90s"), 90s);
    EXPECT_EQ(parse_duration("0"), 0s);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Durations, what_is_none_is_nothing) {
    for (const char* text :
         {"", "30", "s", "30 s", "1.5s", "-1s", "+1s", "1d", "30S", "1m1h", "1s1s", "1h30", "1s ", " 1s",
          "9223372036855s", "9223372036854775808us", "2562047788h9223372036854775807us", "0x1s"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Durations, are_written_as_topics_names_have_them) {
    EXPECT_EQ(format_duration(2s), "2s");
    EXPECT_EQ(format_duration(500ms), "500ms");
    EXPECT_EQ(format_duration(10min), "10m");
    EXPECT_EQ(format_duration(90min), "1h30m");
    EXPECT_EQ(format_duration(168h), "168h");
    EXPECT_EQ(format_duration(1500ms), "1s500ms");
    EXPECT_EQ(format_duration(0s), "0s");
    EXPECT_EQ(format_duration(-2s), "-2s");
    EXPECT_EQ(format_duration(Duration::min()), "-2562047788h54s775ms808us");
}

RC_GTEST_PROP(Durations, what_was_written_reads_the_same, ()) {
    const auto micros = *rc::gen::oneOf(
        rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max()),
        rc::gen::map(rc::gen::inRange<std::int64_t>(0, 1'000'000), [](std::int64_t n) { return n * 1'000; }));
    const Duration duration{micros};
    RC_ASSERT(parse_duration(format_duration(duration)) == duration);
}

RC_GTEST_PROP(Durations, any_text_is_a_duration_or_nothing, ()) {
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("0123456789hmsu .")));
    if (const auto duration = parse_duration(text)) {
        RC_ASSERT(*duration >= 0s);
        RC_ASSERT(parse_duration(format_duration(*duration)) == duration);
    }
}

TEST(Durations, in_json_are_text_or_seconds) {
    const auto read = [](std::string_view json) { return read_duration(*read_json(json)); };
    EXPECT_EQ(read("\"1m30s\""), 90s);
    EXPECT_EQ(read("2.5"), 2500ms);
    EXPECT_EQ(read("1e-9"), 1us) << "rounded up";
    EXPECT_EQ(read("-0"), 0s);
    EXPECT_EQ(read("1e300"), Duration::max());
    EXPECT_EQ(read("9223372036854.775807"), Duration::max());
    for (const char* none : {"-1", "\"-1s\"", "\"1\"", "\"\"", "true", "null", "[1]"}) EXPECT_FALSE(read(none)) << none;
}

TEST(Sizes, are_read_with_their_units) {
    EXPECT_EQ(parse_size("0"), 0);
    EXPECT_EQ(parse_size("1024"), 1024);
    EXPECT_EQ(parse_size("128Ki"), 128 * 1024);
    EXPECT_EQ(parse_size("1Mi"), 1 << 20);
    EXPECT_EQ(parse_size("2Gi"), 2LL << 30);
    EXPECT_EQ(parse_size("10k"), 10'000);
    EXPECT_EQ(parse_size("1M"), 1'000'000);
}

TEST(Sizes, what_is_none_is_nothing) {
    for (const char* text :
         {"", "Ki", "128 Ki", "128KiB", "128kb", "1.5Mi", "-1", "9223372036854775807Ki", "9223372036854775808", "1Ki1"})
        EXPECT_FALSE(parse_size(text)) << text;
}

}  // namespace
}  // namespace drover::jobqueue
