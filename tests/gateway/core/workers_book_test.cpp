#include "gateway/core/workers_book.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

const Time noon = *parse_rfc3339("2026-11-27T12:00:00Z");

class WorkersBookTest : public ::testing::Test {
protected:
    void tell(int replicas, int ready, Time at, std::string reason = "TargetWait") {
        const auto record = jobqueue::workers_record(
            "shop.email", {.replicas = replicas, .ready = ready, .reason = std::move(reason), .message = "because"});
        ASSERT_TRUE(book_.apply(record.key, record.value, at));
    }
    WorkersBook book_;
};

TEST_F(WorkersBookTest, D3_a_step_is_a_change_of_the_number_with_its_reason) {
    tell(0, 0, noon, "Idle");
    tell(3, 0, noon + 1s);
    tell(3, 2, noon + 5s);
    tell(1, 3, noon + 60s, "ScaleIn");
    const std::vector<ScalingStep> steps = book_.steps("shop.email", noon);
    ASSERT_EQ(steps.size(), 2u);
    EXPECT_EQ(steps[0], (ScalingStep{noon + 1s, 0, 3, "TargetWait", "because"}));
    EXPECT_EQ(steps[1], (ScalingStep{noon + 60s, 3, 1, "ScaleIn", "because"}));
    EXPECT_EQ(book_.steps("shop.email", noon + 30s).size(), 1u);
    EXPECT_EQ(book_.find("shop.email")->now.ready, 3);
    EXPECT_EQ(book_.find("shop.email")->at, noon + 60s);
}

TEST_F(WorkersBookTest, D3_it_forgets_with_the_queue_and_is_bounded) {
    for (int i = 0; i < 1000; ++i) tell(i % 7, 0, noon + i * 1s);
    EXPECT_EQ(book_.find("shop.email")->steps.size(), 200u);
    EXPECT_TRUE(book_.apply("workers/shop.email", std::nullopt, noon));
    EXPECT_EQ(book_.find("shop.email"), nullptr);
    EXPECT_TRUE(book_.steps("shop.email", noon).empty());
}

TEST_F(WorkersBookTest, D3_what_cannot_be_understood_changes_nothing) {
    tell(3, 0, noon);
    EXPECT_FALSE(book_.apply("workers/shop.email", "[", noon + 1s));
    EXPECT_EQ(book_.find("shop.email")->now.replicas, 3);
}

}  // namespace
}  // namespace drover::gateway
