#include "sidecar/pulls.h"

#include <gtest/gtest.h>

namespace drover::sidecar {
namespace {

constexpr Time start{std::chrono::seconds(1000)};
constexpr Duration minute = std::chrono::minutes(1);
constexpr std::string_view nothing = R"({"jobs":[]})";

class PullsTest : public ::testing::Test {
protected:
    Pulls::Id pull(std::string& answer, std::size_t most = 1) {
        return pulls.add(most, start + minute, std::nullopt, [&answer](std::string jobs) { answer = std::move(jobs); });
    }
    void give(std::string_view id) {
        pulls.give({.id = id, .lease = "lease"});
        pulls.answer(start);
    }

    Pulls pulls;
};

TEST_F(PullsTest, the_oldest_gets_the_first_job_and_is_over) {
    std::string first, second;
    pull(first, 8);
    pull(second);
    EXPECT_EQ(pulls.demand(), 9U);
    give("a");
    EXPECT_NE(first.find(R"("id":"a")"), std::string::npos) << first;
    EXPECT_EQ(second, "");
    EXPECT_EQ(pulls.demand(), 1U);
}

TEST_F(PullsTest, one_that_is_withdrawn_gets_nothing_and_asks_for_no_more) {
    std::string first, second;
    const Pulls::Id gone = pull(first, 8);
    pull(second);
    EXPECT_TRUE(pulls.withdraw(gone));
    EXPECT_EQ(first, nothing);
    EXPECT_EQ(pulls.demand(), 1U);
    give("a");
    EXPECT_EQ(first, nothing);
    EXPECT_NE(second.find(R"("id":"a")"), std::string::npos) << second;
}

TEST_F(PullsTest, one_that_is_over_or_has_a_job_is_not_withdrawn) {
    std::string answer;
    EXPECT_FALSE(pulls.withdraw(Pulls::none));
    const Pulls::Id late = pull(answer);
    pulls.answer(start + minute);
    EXPECT_FALSE(pulls.withdraw(late));
    const Pulls::Id served = pull(answer);
    pulls.give({.id = "a", .lease = "lease"});
    EXPECT_FALSE(pulls.withdraw(served));
    pulls.answer(start);
    EXPECT_NE(answer.find(R"("id":"a")"), std::string::npos) << answer;
    EXPECT_FALSE(pulls.withdraw(served));
}

}  // namespace
}  // namespace drover::sidecar
