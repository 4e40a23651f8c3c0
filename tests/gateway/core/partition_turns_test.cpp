#include "gateway/core/partition_turns.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
const Time now = *parse_rfc3339("2026-11-27T20:00:00Z");

std::vector<int> jobs_by_partition(PartitionTurns& turns, int partitions, int jobs, Time first, Duration apart) {
    std::vector<int> found(static_cast<std::size_t>(partitions));
    for (int i = 0; i < jobs; ++i) ++found.at(static_cast<std::size_t>(turns.next(partitions, first + i * apart)));
    return found;
}

TEST(PartitionTurns, few_jobs_reach_all_partitions_C1) {
    PartitionTurns turns(7);
    EXPECT_EQ(jobs_by_partition(turns, 12, 12, now, 0us), std::vector<int>(12, 1));        // at once
    EXPECT_EQ(jobs_by_partition(turns, 12, 24, now + 1s, 50ms), std::vector<int>(12, 2));  // and one after another
}

TEST(PartitionTurns, of_many_several_in_a_row_go_to_one_C1) {
    PartitionTurns turns(7);
    jobs_by_partition(turns, 12, 10'000, now, 100us);  // 10,000 a second: 40 in 4 ms
    const Time later = now + 1s;
    std::set<int> met;
    for (int i = 0; i < 100; ++i) met.insert(turns.next(12, later + i * 100us));
    EXPECT_LE(met.size(), 4u);
    EXPECT_GE(met.size(), 3u);
}

TEST(PartitionTurns, partitions_differ_by_a_turn_C1) {
    PartitionTurns turns(7);
    const auto jobs = jobs_by_partition(turns, 7, 1'000'000, now, 1us);
    const auto [least, most] = std::minmax_element(jobs.begin(), jobs.end());
    EXPECT_LE(*most - *least, 64);
}

TEST(PartitionTurns, turns_are_short_again_when_it_is_quiet_C1) {
    PartitionTurns turns(7);
    jobs_by_partition(turns, 12, 100'000, now, 10us);
    turns.next(12, now + 10s);  // what was left of the last turn
    EXPECT_EQ(jobs_by_partition(turns, 12, 12, now + 10s, 1ms), std::vector<int>(12, 1));
}

TEST(PartitionTurns, stays_within_partitions_that_change_and_clocks_that_jump_C1) {
    PartitionTurns turns(7);
    for (int i = 0; i < 1000; ++i) {
        const int partitions = i % 5 + 1;
        const int partition = turns.next(partitions, now + (i % 3 - 1) * 1h);
        EXPECT_GE(partition, 0);
        EXPECT_LT(partition, partitions);
    }
}

}  // namespace
}  // namespace drover::gateway
