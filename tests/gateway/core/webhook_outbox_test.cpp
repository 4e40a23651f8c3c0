#include "gateway/core/webhook_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Outcome = WebhookOutbox::Outcome;
using ::testing::ElementsAre;
using ::testing::Pair;

const Time noon = *parse_rfc3339("2026-11-27T12:00:00Z");

WebhookMessage message(std::string url, std::optional<int> partition, std::int64_t offset, Time born = noon) {
    return {.to = {.name = url, .url = url},
            .id = std::to_string(offset),
            .body = "{}",
            .born = born,
            .partition = partition,
            .offset = offset};
}

class WebhookOutboxTest : public ::testing::Test {
protected:
    std::vector<WebhookOutbox::Sending> take(Time now) {
        std::vector<WebhookOutbox::Sending> all;
        while (auto next = outbox_.next(now)) all.push_back(*next);
        return all;
    }
    WebhookOutbox outbox_;
};

TEST_F(WebhookOutboxTest, C13_events_are_committable_below_what_is_not_told) {
    outbox_.add(message("a", 0, 5));
    outbox_.add(message("b", 0, 5));
    outbox_.add(message("a", 0, 7));
    outbox_.read_up_to(0, 9);
    outbox_.read_up_to(1, 4);
    EXPECT_THAT(outbox_.committable(), ElementsAre(Pair(0, 5), Pair(1, 4)));
    const auto sent = take(noon);
    ASSERT_EQ(sent.size(), 3u);
    for (const auto& each : sent) {
        if (each.message.offset == 7) {
            EXPECT_EQ(outbox_.ended(each.token, 200, noon), Outcome::delivered);
        }
    }
    EXPECT_THAT(outbox_.committable(), ElementsAre(Pair(0, 5), Pair(1, 4)));
    for (const auto& each : sent) {
        if (each.message.offset == 5) {
            EXPECT_EQ(outbox_.ended(each.token, 422, noon), Outcome::refused);
        }
    }
    EXPECT_THAT(outbox_.committable(), ElementsAre(Pair(0, 9), Pair(1, 4)));
    EXPECT_EQ(outbox_.size(), 0u);
    EXPECT_EQ(outbox_.bytes(), 0u);
}

TEST_F(WebhookOutboxTest, C13_a_receiver_that_is_away_is_tried_with_pauses_and_in_order_and_holds_up_nobody_else) {
    for (int i = 0; i < 10; ++i) outbox_.add(message("away", 0, i));
    outbox_.add(message("here", 0, 10));
    auto sent = take(noon);
    ASSERT_EQ(sent.size(), 5u) << "four to one receiver";
    for (const auto& each : sent) outbox_.ended(each.token, each.message.to.url == "here" ? 200 : 0, noon);
    EXPECT_TRUE(take(noon + 4s).empty());
    EXPECT_EQ(outbox_.next_time(), noon + 5s) << "four that failed together are one failure";
    sent = take(noon + 5s);
    ASSERT_EQ(sent.size(), 1u) << "one, to see";
    EXPECT_EQ(sent[0].message.offset, 0);
    EXPECT_EQ(outbox_.ended(sent[0].token, 200, noon + 5s), Outcome::delivered);
    sent = take(noon + 5s);
    ASSERT_EQ(sent.size(), 4u);
    EXPECT_EQ(sent[0].message.offset, 1);
}

TEST_F(WebhookOutboxTest, C13_a_message_is_given_up_after_a_day) {
    outbox_.add(message("away", 0, 3, noon - webhook_lasts));
    outbox_.read_up_to(0, 4);
    const auto sent = take(noon);
    EXPECT_EQ(outbox_.ended(sent.at(0).token, 503, noon), Outcome::given_up);
    EXPECT_THAT(outbox_.committable(), ElementsAre(Pair(0, 4)));
}

TEST_F(WebhookOutboxTest, C13_what_is_another_gateways_is_dropped_and_its_answers_are_nobodys) {
    outbox_.add(message("a", 0, 1));
    outbox_.add(message("a", 0, 2));
    outbox_.add(message("a", std::nullopt, 0));
    const auto first = outbox_.next(noon);
    outbox_.drop(0);
    EXPECT_EQ(outbox_.size(), 1u) << "an alert is of no partition";
    EXPECT_EQ(outbox_.bytes(), 2u);
    EXPECT_EQ(outbox_.ended(first->token, 200, noon), std::nullopt);
    EXPECT_TRUE(outbox_.committable().empty());
    EXPECT_EQ(take(noon).size(), 1u);
}

// Whatever the receivers answer, and in whatever order: a commit never passes a message that is not done, and all are
// done in the end.
RC_GTEST_PROP(WebhookOutbox, C13_no_message_is_passed_over, ()) {
    WebhookOutbox outbox;
    Time now = noon;
    std::map<int, std::map<std::int64_t, int>> open;
    std::vector<WebhookOutbox::Sending> flying;
    const auto finish = [&](const WebhookOutbox::Sending& sending, Outcome outcome) {
        if (outcome == Outcome::again) return;
        auto& offsets = open[*sending.message.partition];
        if (--offsets[sending.message.offset] == 0) offsets.erase(sending.message.offset);
    };
    std::map<int, std::int64_t> end;
    const int steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) {
        const int what = *rc::gen::inRange(0, 4);
        if (what == 0) {
            const int partition = *rc::gen::inRange(0, 3);
            const std::int64_t offset = end[partition]++;
            for (int copies = *rc::gen::inRange(0, 3); copies > 0; --copies) {
                outbox.add(message(*rc::gen::element<std::string>("a", "b"), partition, offset, now));
                ++open[partition][offset];
            }
            outbox.read_up_to(partition, end[partition]);
        } else if (what == 1) {
            if (auto next = outbox.next(now)) flying.push_back(*next);
        } else if (what == 2 && !flying.empty()) {
            const auto at = *rc::gen::inRange<std::size_t>(0, flying.size());
            const auto outcome = outbox.ended(flying[at].token, *rc::gen::element(200, 500, 400, 0), now);
            RC_ASSERT(outcome.has_value());
            finish(flying[at], *outcome);
            flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            now += std::chrono::seconds(*rc::gen::inRange(0, 600));
        }
        for (const auto& [partition, offset] : outbox.committable()) {
            RC_ASSERT(offset <= end[partition]);
            RC_ASSERT(open[partition].empty() || offset <= open[partition].begin()->first);
        }
    }
    for (int rounds = 0; outbox.size() > 0; ++rounds) {
        RC_ASSERT(rounds < 10'000);
        for (const auto& each : flying) finish(each, *outbox.ended(each.token, 200, now));
        flying.clear();
        while (auto next = outbox.next(now)) flying.push_back(*next);
        now += 10min;
    }
    for (const auto& [partition, offset] : outbox.committable()) RC_ASSERT(offset == end[partition]);
}

}  // namespace
}  // namespace drover::gateway
