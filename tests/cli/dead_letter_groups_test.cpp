#include "cli/dead_letter_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/letters/letters.h"

namespace drover::cli {
namespace {

using letters::DeadLetter;
using letters::noon;

using namespace std::chrono_literals;

DeadLetter letter_of(const std::string& job, const std::string& error, const std::string& message, Time at = noon) {
    return {.job_id = job, .error_class = error, .message = message, .failed_at = at};
}

TEST(DeadLetterGroups, D2_one_for_each_class_and_shape_with_count_times_and_an_example) {
    DeadLetterGroups groups;
    groups.add(letter_of("a", "Http503", "server 1 is away", noon + 2s), false);
    groups.add(letter_of("b", "Http503", "server 2 is away", noon), false);
    groups.add(letter_of("c", "Http503", "out of paper", noon), false);
    groups.add(letter_of("d", "Timeout", "server 3 is away", noon), false);
    const auto all = groups.by_count();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0], (DeadLetterGroup{.error_class = "Http503",
                                       .shape = "server # is away",
                                       .count = 2,
                                       .first = noon,
                                       .last = noon + 2s,
                                       .example_job = "a",
                                       .example_message = "server 1 is away"}));
    EXPECT_EQ(groups.count(), 4);
}

TEST(DeadLetterGroups, the_example_was_not_redriven_where_there_is_such_a_letter) {
    DeadLetterGroups groups;
    groups.add(letter_of("old", "E", "m", noon), false);
    groups.add(letter_of("new", "E", "m", noon + 1s), true);
    EXPECT_EQ(groups.by_count().front().example_job, "old");
    groups.add(letter_of("newer", "E", "m", noon + 1s), false);
    EXPECT_EQ(groups.by_count().front().example_job, "newer");
    EXPECT_EQ(groups.by_count().front().open(), 2);
    EXPECT_EQ(groups.redriven(), 1);
}

TEST(DeadLetterGroups, those_with_the_most_open_letters_come_first) {
    DeadLetterGroups groups;
    for (int i = 0; i < 5; ++i) groups.add(letter_of("a", "Done", "m"), true);
    groups.add(letter_of("b", "Open", "m"), false);
    EXPECT_EQ(groups.by_count().front().error_class, "Open");
}

TEST(DeadLetterGroups, are_at_most_a_thousand_and_one) {
    DeadLetterGroups groups;
    for (int i = 0; i < 1500; ++i) groups.add(letter_of("a", "E" + std::to_string(i), "m"), false);
    EXPECT_EQ(groups.by_count().size(), 1001U);
    EXPECT_EQ(groups.by_count().front().error_class, "(other errors)");
    EXPECT_EQ(groups.by_count().front().count, 500);
}

}  // namespace
}  // namespace drover::cli
