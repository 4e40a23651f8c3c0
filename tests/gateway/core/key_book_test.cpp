#include "gateway/core/key_book.h"

#include <gtest/gtest.h>

namespace drover::gateway::test {
namespace {

using namespace std::chrono_literals;
using Answer = KeyBook::Answer;

const SubmitKey again{SubmitKey::Kind::idempotency, "shop.email", "order/7"};
const SubmitKey one{SubmitKey::Kind::unique, "shop.email", "report"};
const Time t0{};

TEST(KeyBook, C10_the_same_request_gets_the_same_job_and_another_one_a_conflict_until_the_window_ends) {
    KeyBook book;
    EXPECT_EQ(book.claim(again, "a", 1, t0).answer, Answer::fresh);
    EXPECT_EQ(book.claim(again, "a", 1, t0).answer, Answer::busy);
    book.accepted(again, t0 + 24h);
    const auto known = book.claim(again, "b", 1, t0 + 23h);
    EXPECT_EQ(known.answer, Answer::known);
    EXPECT_EQ(known.job_id, "a");
    EXPECT_EQ(book.claim(again, "b", 2, t0 + 23h).answer, Answer::conflict);
    EXPECT_EQ(book.claim(again, "b", 2, t0 + 24h).answer, Answer::fresh);
}

TEST(KeyBook, C10_a_submit_that_failed_leaves_its_key) {
    KeyBook book;
    EXPECT_EQ(book.claim(one, "a", 0, t0).answer, Answer::fresh);
    book.withdraw(one);
    EXPECT_EQ(book.claim(one, "b", 0, t0).answer, Answer::fresh);
}

TEST(KeyBook, C10_a_unique_job_is_alone_within_its_window_whatever_its_payload) {
    KeyBook book;
    book.claim(one, "a", 1, t0);
    book.accepted(one, t0 + 1h);
    EXPECT_EQ(book.claim(one, "b", 2, t0 + 59min).answer, Answer::known);
    EXPECT_EQ(book.claim(one, "b", 2, t0 + 1h).answer, Answer::fresh);
}

TEST(KeyBook, C10_what_a_topic_said_once_does_not_touch_a_request_on_its_way) {
    KeyBook before, book;
    before.claim(one, "old", 0, t0);
    const auto record = before.accepted(one, t0 + 1h);
    book.claim(one, "a", 0, t0);
    EXPECT_TRUE(book.apply(record.key, record.value));
    EXPECT_TRUE(book.apply(record.key, std::nullopt));
    EXPECT_EQ(book.claim(one, "b", 0, t0).answer, Answer::busy);
    book.accepted(one, t0 + 1h);
    EXPECT_EQ(book.claim(one, "b", 0, t0).job_id, "a");
}

TEST(KeyBook, C10_keys_that_are_over_are_forgotten_with_their_records) {
    KeyBook book;
    book.claim(one, "a", 0, t0);
    const std::string record = book.accepted(one, t0 + 1h).key;
    book.claim(again, "b", 0, t0);  // on its way
    EXPECT_TRUE(book.take_expired(t0 + 59min).empty());
    EXPECT_EQ(book.take_expired(t0 + 1h), std::vector<std::string>{record});
    EXPECT_TRUE(book.take_expired(t0 + 2h).empty());
    EXPECT_EQ(book.claim(again, "b", 0, t0 + 2h).answer, Answer::busy);
}

TEST(KeyBook, C10_the_next_gateway_knows_what_the_records_say) {
    KeyBook book, next;
    book.claim(again, "a", 0xffff'ffff'ffff'ffff, t0);
    const auto record = book.accepted(again, t0 + 24h);
    ASSERT_TRUE(next.apply(record.key, *record.value));
    EXPECT_EQ(next.claim(again, "b", 0xffff'ffff'ffff'ffff, t0).job_id, "a");
    EXPECT_EQ(next.claim(again, "b", 1, t0).answer, Answer::conflict);
    ASSERT_TRUE(next.apply(record.key, std::nullopt));
    EXPECT_EQ(next.claim(again, "b", 1, t0).answer, Answer::fresh);
    EXPECT_FALSE(next.apply("key/unique", "{}"));
    EXPECT_FALSE(next.apply(record.key, "[]"));
}

}  // namespace
}  // namespace drover::gateway::test
