#include "src/jobqueue/backlog.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::jobqueue {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

TEST(Backlog, B2_counts_what_is_neither_committed_nor_finished_above) {
    EXPECT_EQ(backlog_of({.start = 0, .end = 100, .committed = 40, .finished_above = 7}), 53);
}

TEST(Backlog, B2_without_a_commit_everything_that_exists_waits) {
    EXPECT_EQ(backlog_of({.start = 10, .end = 100}), 90);
    EXPECT_EQ(backlog_of({.start = 10, .end = 100, .committed = -1001}), 90);
}

TEST(Backlog, B2_what_retention_deleted_is_no_backlog) {
    EXPECT_EQ(backlog_of({.start = 80, .end = 100, .committed = 40}), 20);
    EXPECT_EQ(backlog_of({.start = 100, .end = 100, .committed = 40}), 0);
}

TEST(Backlog, B2_a_commit_past_the_end_or_an_unknown_end_is_none) {
    EXPECT_EQ(backlog_of({.start = 0, .end = 5, .committed = 1000}), 0);
    EXPECT_EQ(backlog_of({.start = 0, .end = -1, .committed = 3}), 0);
    EXPECT_EQ(backlog_of({.start = 9, .end = 5}), 0);
}

TEST(Backlog, B2_more_finished_than_read_or_a_negative_count_is_cut) {
    EXPECT_EQ(backlog_of({.start = 0, .end = 10, .committed = 5, .finished_above = 9}), 0);
    EXPECT_EQ(backlog_of({.start = 0, .end = 10, .committed = 5, .finished_above = -9}), 5);
}

TEST(Backlog, B2_extreme_figures_do_not_overflow) {
    EXPECT_EQ(backlog_of({.start = least, .end = most, .committed = least, .finished_above = least}), most);
    EXPECT_EQ(backlog_of({.start = most, .end = least, .committed = most, .finished_above = most}), 0);
}

RC_GTEST_PROP(Backlog, B2_lies_between_nothing_and_the_records_that_exist,
              (std::int64_t start, std::int64_t end, std::int64_t committed, std::int64_t finished)) {
    const std::int64_t backlog =
        backlog_of({.start = start, .end = end, .committed = committed, .finished_above = finished});
    RC_ASSERT(backlog >= 0);
    RC_ASSERT(backlog <= std::max<std::int64_t>(end, 0));
}

}  // namespace
}  // namespace drover::jobqueue
