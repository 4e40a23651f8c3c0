#include "gateway/core/error_groups.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

const Time noon = *parse_rfc3339("2026-11-27T12:00:00Z");

Job failed(std::string id, std::string error_class, int status, std::string message, Time at = noon) {
    Job job;
    job.key = {"shop.email", std::move(id)};
    job.type = "send";
    job.state = JobState::failed;
    job.finished_at = at;
    job.error = JobError{std::move(error_class), status, std::move(message)};
    return job;
}

TEST(ErrorGroups, D3_messages_that_differ_in_numbers_are_one_group_and_the_largest_comes_first) {
    ErrorGroups groups;
    groups.add(failed("a", "Timeout", 0, "no answer"));
    for (int i = 0; i < 7; ++i) {
        groups.add(failed("r" + std::to_string(i), "Refused", 422, "relay 10.0.0." + std::to_string(i) + " refused",
                          noon + i * 1s));
    }
    const std::vector<ErrorGroup> all = groups.by_count();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].count, 7);
    EXPECT_EQ(all[0].error, (JobError{"Refused", 422, "relay # refused"}));
    EXPECT_EQ(all[0].example, "relay 10.0.0.6 refused");
    EXPECT_EQ(all[0].sample, (std::vector<std::string>{"r6", "r5", "r4", "r3", "r2"}));
    EXPECT_EQ(all[0].first, noon);
    EXPECT_EQ(all[0].last, noon + 6s);
    EXPECT_EQ(error_group_json(all[0])["types"]["send"], 7);
}

TEST(ErrorGroups, D3_their_number_is_bounded_whatever_workers_say) {
    ErrorGroups groups;
    for (int i = 0; i < 3000; ++i) groups.add(failed("j", "E" + std::string(static_cast<std::size_t>(i), 'x'), 0, ""));
    const std::vector<ErrorGroup> all = groups.by_count();
    EXPECT_EQ(all.size(), 1001u);
    EXPECT_EQ(all[0].error.error_class, "(other errors)");
    EXPECT_EQ(all[0].count, 2000);
    Job without;
    without.state = JobState::failed;
    EXPECT_NO_THROW(groups.add(without));
}

}  // namespace
}  // namespace drover::gateway
