// The metadata as the delivery core relies on it: what a new owner reads is never more than what was finished.
#include "src/jobqueue/commit_metadata.h"

#include <algorithm>
#include <limits>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/base/base64.h"

namespace drover::jobqueue {
namespace {

// As the tracker makes them: above `committed`, ascending, apart.
rc::Gen<CommitMetadata> metadata_above(std::int64_t committed, int most_runs) {
    return rc::gen::exec([committed, most_runs] {
        CommitMetadata metadata;
        std::int64_t position = committed;
        const auto far = *rc::gen::element<std::int64_t>(3, 40, 5000);
        for (int left = *rc::gen::inRange(0, most_runs); left > 0; --left) {
            const auto first = position + *rc::gen::inRange<std::int64_t>(1, far);
            const auto count = *rc::gen::inRange<std::int64_t>(1, far);
            metadata.finished.push_back({first, count});
            position = first + count;
        }
        position = committed;
        for (int left = *rc::gen::inRange(0, 40); left > 0; --left) {
            metadata.attempts.push_back({position, *rc::gen::inRange(1, 1000),
                                         time_from_millis(*rc::gen::inRange<std::int64_t>(0, 1LL << 43))});
            position += *rc::gen::inRange<std::int64_t>(1, far);
        }
        metadata.busy_micros = *rc::gen::arbitrary<std::uint64_t>();
        metadata.completions = *rc::gen::arbitrary<std::uint64_t>();
        return metadata;
    });
}

std::set<std::int64_t> each_of(const std::vector<OffsetRun>& runs) {
    std::set<std::int64_t> offsets;
    for (const OffsetRun& run : runs) {
        for (std::int64_t offset = run.first; offset < run.first + run.count; ++offset) offsets.insert(offset);
    }
    return offsets;
}

RC_GTEST_PROP(CommitMetadata, A2_what_fits_is_read_back_as_it_was, ()) {
    const auto committed = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 50);
    const auto metadata = *metadata_above(committed, 60);
    RC_ASSERT(decode_commit_metadata(encode_commit_metadata(metadata, committed), committed) == metadata);
}

RC_GTEST_PROP(CommitMetadata, A2_what_does_not_fit_is_cut_from_the_top_and_never_invented, ()) {
    const auto committed = *rc::gen::inRange<std::int64_t>(0, 1000);
    const auto metadata = *metadata_above(committed, 120);
    const auto most = *rc::gen::inRange<std::size_t>(0, 300);
    const std::string text = encode_commit_metadata(metadata, committed, most);
    RC_ASSERT(text.size() <= most);
    const auto read = decode_commit_metadata(text, committed);
    if (!read) {
        RC_ASSERT(text.empty());
        return;
    }
    RC_ASSERT(read->busy_micros == metadata.busy_micros);
    RC_ASSERT(read->completions == metadata.completions);
    RC_ASSERT(read->attempts.size() <= metadata.attempts.size());
    RC_ASSERT(std::equal(read->attempts.begin(), read->attempts.end(), metadata.attempts.begin()));
    const auto kept = each_of(read->finished), all = each_of(metadata.finished);
    auto expected = all.begin();
    for (const auto offset : kept) RC_ASSERT(offset == *expected++);
}

RC_GTEST_PROP(CommitMetadata, A2_any_text_is_decoded_to_something_tidy_or_to_nothing, ()) {
    const auto committed = *rc::gen::inRange<std::int64_t>(0, 1000);
    std::string bytes = *rc::gen::arbitrary<std::string>();
    if (*rc::gen::arbitrary<bool>()) {  // or a true one, damaged
        const auto text = encode_commit_metadata(*metadata_above(committed, 20), committed);
        bytes = base64_decode(std::string_view(text).substr(1)).value();
        for (int left = *rc::gen::inRange(0, 4); left > 0 && !bytes.empty(); --left) {
            bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
        }
        bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 1));
    }
    const std::string text = "1" + base64_encode(bytes);
    const auto read = decode_commit_metadata(text, committed);
    RC_ASSERT(decode_commit_metadata(bytes, committed) == std::nullopt || bytes.starts_with('1'));
    if (!read) return;
    std::int64_t end = committed - 1;
    for (const OffsetRun& run : read->finished) {
        RC_ASSERT(run.first > end);
        RC_ASSERT(run.count > 0);
        end = run.first + run.count;
        RC_ASSERT(end <= committed + max_finished_window);
    }
    std::int64_t last = committed - 1;
    for (const OffsetAttempts& entry : read->attempts) {
        RC_ASSERT(entry.offset > last);
        RC_ASSERT(entry.attempts >= 0);
        last = entry.offset;
    }
}

RC_GTEST_PROP(CommitMetadata, A2_encoding_is_total_over_runs_that_no_tracker_makes, ()) {
    const auto committed = *rc::gen::inRange<std::int64_t>(0, 1000);
    const auto some = rc::gen::weightedOneOf<std::int64_t>(
        {{8, rc::gen::inRange<std::int64_t>(-50, 1200)},
         {1, rc::gen::element<std::int64_t>(std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min(), std::int64_t{1} << 40)}});
    CommitMetadata metadata;
    for (int left = *rc::gen::inRange(0, 8); left > 0; --left) metadata.finished.push_back({*some, *some});
    for (int left = *rc::gen::inRange(0, 8); left > 0; --left) {
        metadata.attempts.push_back(
            {*some, *rc::gen::arbitrary<int>(), Time(Duration(*rc::gen::arbitrary<std::int64_t>()))});
    }
    const std::string text = encode_commit_metadata(metadata, committed);
    RC_ASSERT(text.size() <= max_commit_metadata_bytes);
    const auto read = decode_commit_metadata(text, committed);
    RC_ASSERT(read.has_value());
    for (const auto offset : each_of(read->finished)) {
        RC_ASSERT(std::ranges::any_of(metadata.finished, [&](const OffsetRun& run) {
            return run.count > 0 && run.first <= offset && offset - std::max<std::int64_t>(run.first, 0) < run.count;
        }));
    }
}

TEST(CommitMetadata, A2_other_versions_and_damage_are_nothing) {
    const std::string text = encode_commit_metadata({.finished = {{5, 2}}, .attempts = {}}, 3);
    ASSERT_TRUE(decode_commit_metadata(text, 3));
    EXPECT_FALSE(decode_commit_metadata("2" + text.substr(1), 3));
    EXPECT_FALSE(decode_commit_metadata("", 3));
    EXPECT_FALSE(decode_commit_metadata("1", 3));
    EXPECT_FALSE(decode_commit_metadata(text.substr(0, text.size() - 1), 3));
    EXPECT_FALSE(decode_commit_metadata(text + "\n", 3));
    EXPECT_FALSE(decode_commit_metadata(text + std::string(5000, 'A'), 3));
    EXPECT_FALSE(decode_commit_metadata(text, -1001));
    EXPECT_FALSE(decode_commit_metadata(text, std::numeric_limits<std::int64_t>::max()));
}

TEST(CommitMetadata, A2_the_densest_map_keeps_as_many_offsets_as_bits_fit) {
    CommitMetadata metadata;
    for (std::int64_t offset = 1; offset < 60'000; offset += 2) metadata.finished.push_back({offset, 1});
    const std::string text = encode_commit_metadata(metadata, 0);
    EXPECT_LE(text.size(), max_commit_metadata_bytes);
    const auto read = decode_commit_metadata(text, 0);
    ASSERT_TRUE(read);
    EXPECT_GT(read->finished_count(), 12'000);
}

TEST(CommitMetadata, A2_the_counters_and_256_attempts_leave_three_quarters_for_the_map) {
    CommitMetadata metadata{.busy_micros = std::numeric_limits<std::uint64_t>::max(),
                            .completions = std::numeric_limits<std::uint64_t>::max()};
    for (int i = 0; i < 2000; ++i) metadata.attempts.push_back({i * 200, 1000});
    for (int i = 0; i < 1100; ++i) metadata.finished.push_back({i * 2 + 1, 1});
    const auto read = decode_commit_metadata(encode_commit_metadata(metadata, 0), 0);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->finished, metadata.finished);
    EXPECT_GT(read->attempts.size(), 150U);
}

}  // namespace
}  // namespace drover::jobqueue
