#include "sidecar/core/offset_tracker.h"

#include <algorithm>
#include <limits>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::sidecar {
namespace {

using Receipt = OffsetTracker::Receipt;
using jobqueue::CommitMetadata;
using jobqueue::OffsetRun;

// The same by brute force: every offset by itself.
class NaiveTracker {
public:
    explicit NaiveTracker(std::int64_t committed) : base_(committed), next_(committed) {}

    void know_finished(std::int64_t offset) {
        if (offset >= base_) finished_.insert(offset);
    }
    Receipt received(std::int64_t offset) {
        if (offset < next_) return is_finished(offset) ? Receipt::finished : Receipt::repeated;
        reached_end(offset);
        next_ = offset + 1;
        return is_finished(offset) ? Receipt::finished : Receipt::fresh;
    }
    bool finish(std::int64_t offset) {
        if (offset >= next_ || is_finished(offset)) return false;
        return finished_.insert(offset).second;
    }
    void reached_end(std::int64_t end) {
        for (; next_ < end; ++next_) finished_.insert(next_);
    }
    bool is_finished(std::int64_t offset) const { return offset < base_ || finished_.contains(offset); }
    std::int64_t committable() const {
        std::int64_t offset = base_;
        while (finished_.contains(offset)) ++offset;
        return offset;
    }
    std::int64_t next() const { return next_; }
    std::set<std::int64_t> finished_above() const { return {finished_.lower_bound(committable()), finished_.end()}; }
    std::set<std::int64_t> unfinished() const {
        std::set<std::int64_t> offsets;
        for (std::int64_t offset = base_; offset < next_; ++offset) {
            if (!is_finished(offset)) offsets.insert(offset);
        }
        return offsets;
    }

private:
    std::int64_t base_;
    std::int64_t next_;
    std::set<std::int64_t> finished_;
};

std::set<std::int64_t> each_of(const std::vector<OffsetRun>& runs) {
    std::set<std::int64_t> offsets;
    for (const OffsetRun& run : runs) {
        for (std::int64_t offset = run.first; offset < run.first + run.count; ++offset) offsets.insert(offset);
    }
    return offsets;
}

void runs_are_tidy(const std::vector<OffsetRun>& runs, std::int64_t committable) {
    std::int64_t end = committable;
    for (const OffsetRun& run : runs) {
        RC_ASSERT(run.first > end);
        RC_ASSERT(run.count > 0);
        end = run.first + run.count;
    }
}

void agree(const OffsetTracker& tracker, const NaiveTracker& naive) {
    RC_ASSERT(tracker.committable() == naive.committable());
    RC_ASSERT(tracker.unfinished() == static_cast<std::int64_t>(naive.unfinished().size()));
    RC_ASSERT(std::max(tracker.next(), tracker.committable()) == std::max(naive.next(), naive.committable()));
    runs_are_tidy(tracker.finished_above(), tracker.committable());
    RC_ASSERT(each_of(tracker.finished_above()) == naive.finished_above());
    const CommitMetadata metadata{.finished = tracker.finished_above()};
    const CommitMetadata nothing{};
    const auto bytes = [&](const CommitMetadata& m) {
        return jobqueue::encode_commit_metadata(m, tracker.committable()).size();
    };
    RC_ASSERT(bytes(metadata) <= bytes(nothing) + (tracker.map_bytes_bound() + 2) / 3 * 4);
}

RC_GTEST_PROP(OffsetTracker, A2_agrees_with_a_tracker_that_counts_every_offset, ()) {
    const auto start = *rc::gen::inRange<std::int64_t>(0, 50);
    OffsetTracker tracker(start);
    NaiveTracker naive(start);
    const auto steps = *rc::gen::inRange(0, 120);
    for (int i = 0; i < steps; ++i) {
        switch (*rc::gen::weightedElement<int>({{5, 0}, {5, 1}, {2, 2}, {1, 3}, {1, 4}})) {
            case 0: {  // the next record, often after a gap
                const auto offset =
                    std::max(tracker.next(), start) + *rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {1, 40}});
                const bool known = naive.is_finished(offset);
                RC_ASSERT(tracker.received(offset) == naive.received(offset));
                RC_ASSERT(known == naive.is_finished(offset));
                break;
            }
            case 1: {  // one that is in hand is finished
                const auto unfinished = naive.unfinished();
                if (unfinished.empty()) break;
                const auto offset = *rc::gen::elementOf(unfinished);
                RC_ASSERT(tracker.finish(offset));
                RC_ASSERT(naive.finish(offset));
                RC_ASSERT(!tracker.finish(offset));
                break;
            }
            case 2: {  // any offset at all, duplicate and stale ones too
                const auto offset = *rc::gen::inRange<std::int64_t>(-5, tracker.next() + 5);
                if (*rc::gen::arbitrary<bool>()) {
                    RC_ASSERT(tracker.finish(offset) == naive.finish(offset));
                } else {
                    RC_ASSERT(tracker.received(offset) == naive.received(offset));
                }
                break;
            }
            case 3: {
                const auto end = tracker.next() + *rc::gen::inRange(-3, 9);
                tracker.reached_end(end);
                naive.reached_end(end);
                break;
            }
            default: {  // another owner goes on, from what fits into so many bytes
                const auto most = *rc::gen::element<std::size_t>(12, 20, 40, 4096);
                const auto committed = tracker.committable();
                const auto text =
                    jobqueue::encode_commit_metadata({.finished = tracker.finished_above()}, committed, most);
                const auto read = jobqueue::decode_commit_metadata(text, committed).value_or(CommitMetadata{});
                const auto before = naive.finished_above();
                const auto kept = each_of(read.finished);
                RC_ASSERT(std::ranges::includes(before, kept));
                if (most == 4096) RC_ASSERT(kept == before);
                tracker = OffsetTracker(committed, read.finished);
                naive = NaiveTracker(committed);
                for (const auto offset : kept) naive.know_finished(offset);
                break;
            }
        }
        agree(tracker, naive);
    }
}

RC_GTEST_PROP(OffsetTracker, A2_weird_metadata_never_makes_it_pass_an_offset_that_no_run_names, ()) {
    const auto base = *rc::gen::inRange<std::int64_t>(0, 100);
    const auto some = rc::gen::weightedOneOf<std::int64_t>(
        {{10, rc::gen::inRange<std::int64_t>(-10, 60)},
         {1, rc::gen::element<std::int64_t>(std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min(), std::int64_t{1} << 40)}});
    const auto pairs =
        *rc::gen::container<std::vector<std::pair<std::int64_t, std::int64_t>>>(rc::gen::pair(some, some));
    std::vector<OffsetRun> runs;
    for (const auto& [distance, count] : pairs) {
        runs.push_back({distance < 1000 && distance > -1000 ? base + distance : distance, count});
    }
    OffsetTracker tracker(base, runs);
    // What no run names is unfinished: it must be fresh when it comes, and hold the commit back.
    for (std::int64_t offset = base; offset < base + 150; ++offset) {
        const bool named = std::ranges::any_of(runs, [&](const OffsetRun& run) {
            return run.count > 0 && run.first <= offset &&
                   (run.count > std::numeric_limits<std::int64_t>::max() - std::max<std::int64_t>(run.first, 0) ||
                    offset < run.first + run.count);
        });
        const Receipt receipt = tracker.received(offset);
        if (!named) {
            RC_ASSERT(receipt == Receipt::fresh);
            RC_ASSERT(tracker.committable() <= offset);
        }
        runs_are_tidy(tracker.finished_above(), tracker.committable());
        if (receipt == Receipt::fresh) RC_ASSERT(tracker.finish(offset));
    }
    RC_ASSERT(tracker.committable() >= base + 150);
    RC_ASSERT(tracker.unfinished() == 0);
}

TEST(OffsetTracker, A2_a_gap_that_ends_at_what_the_map_knows_does_not_stop_the_commits) {
    OffsetTracker tracker(0, {{5, 5}});
    EXPECT_EQ(tracker.received(20), Receipt::fresh);  // 0 to 4 are gone, as are 10 to 19
    EXPECT_EQ(tracker.committable(), 20);
    EXPECT_TRUE(tracker.finish(20));
    EXPECT_EQ(tracker.committable(), 21);
    EXPECT_TRUE(tracker.finished_above().empty());
}

TEST(OffsetTracker, A2_the_end_of_a_partition_is_committable_when_nothing_is_unfinished) {
    OffsetTracker tracker(7);
    tracker.reached_end(9);  // two transaction markers
    EXPECT_EQ(tracker.committable(), 9);
    EXPECT_EQ(tracker.received(9), Receipt::fresh);
    tracker.reached_end(12);
    EXPECT_EQ(tracker.committable(), 9);
    EXPECT_TRUE(tracker.finish(9));
    EXPECT_EQ(tracker.committable(), 12);
}

TEST(OffsetTracker, A2_a_gap_of_a_million_million_offsets_is_one_run) {
    constexpr std::int64_t far = 1'000'000'000'000;
    OffsetTracker tracker(0, {{2, 3}});
    EXPECT_EQ(tracker.received(0), Receipt::fresh);
    EXPECT_EQ(tracker.received(far), Receipt::fresh);
    EXPECT_EQ(tracker.finished_above(), (std::vector<OffsetRun>{{1, far - 1}}));
    EXPECT_GT(tracker.map_bytes_bound(), jobqueue::max_commit_metadata_bytes);  // such a map is not believed
    const auto text = jobqueue::encode_commit_metadata({.finished = tracker.finished_above()}, 0);
    EXPECT_LE(text.size(), jobqueue::max_commit_metadata_bytes);
    EXPECT_TRUE(tracker.finish(0));
    EXPECT_EQ(tracker.committable(), far);
    EXPECT_EQ(tracker.map_bytes_bound(), 0U);
}

TEST(OffsetTracker, A2_one_slow_job_among_many_that_are_finished_takes_little_of_the_map) {
    OffsetTracker tracker(0);
    for (std::int64_t offset = 0; offset < 500'000; ++offset) {
        ASSERT_EQ(tracker.received(offset), Receipt::fresh);
        if (offset != 7) {
            ASSERT_TRUE(tracker.finish(offset));
        }
    }
    EXPECT_EQ(tracker.committable(), 7);
    EXPECT_LE(tracker.map_bytes_bound(), 8U);
}

TEST(OffsetTracker, A2_the_ends_of_the_numbers_do_not_overflow) {
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    OffsetTracker tracker(most - 3, {{most - 2, most}, {least, least}, {least, most}, {most, 1}});
    EXPECT_EQ(tracker.committable(), most - 3);
    OffsetTracker negative(least, {{least, most}, {-5, 10}});
    EXPECT_EQ(negative.committable(), 5);
    EXPECT_EQ(negative.received(least), Receipt::finished);
    negative.reached_end(least);
    EXPECT_FALSE(negative.finish(most));
    EXPECT_EQ(negative.committable(), 5);
}

}  // namespace
}  // namespace drover::sidecar
