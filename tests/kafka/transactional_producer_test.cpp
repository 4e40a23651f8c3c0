#include "src/kafka/transactional_producer.h"

#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

template <class T>
T sure(TransactionResult<T> result) {
    if (!result) throw std::runtime_error(result.error().error.message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::unique_ptr<TransactionalProducer> opened(const std::string& id, Settings with = settings()) {
    auto producer = must(TransactionalProducer::create(with, {.transactional_id = id}));
    sure(producer->init(60s));
    return producer;
}

void write(TransactionalProducer& producer, const std::string& topic, const std::string& value) {
    sure(producer.produce({.topic = topic, .key = "key", .value = value, .headers = {}, .partition = 0}));
}

// What a reader of committed records has of partition 0, once it has `count` of them.
std::vector<std::string> read(const std::string& topic, std::size_t count) {
    Reader reader;
    reader.start(1, topic, 0, Fetcher::earliest);
    EXPECT_TRUE(
        reader.wait_for([&] { return reader.seen[1].records.size() >= count && !reader.seen[1].ends.empty(); }));
    std::vector<std::string> values;
    for (const Record& record : reader.seen[1].records) values.emplace_back(record.value().value_or(""));
    reader.seen.clear();
    return values;
}

TEST(TransactionalProducer, what_is_committed_is_there_together_and_says_where) {
    const auto here = make_topic(3), there = make_topic(1);
    const auto producer = opened(unique("id"));
    sure(producer->begin());
    const Field header{"name", "value"};
    sure(producer->produce({.topic = here, .key = "21", .value = "a", .headers = {&header, 1}}));
    sure(producer->produce({.topic = there, .key = "21", .value = std::nullopt, .headers = {}}));
    sure(producer->produce({.topic = here, .key = "21", .value = "b", .headers = {}, .partition = 2}));
    const auto places = sure(producer->commit(60s));
    ASSERT_EQ(places.size(), 3U);
    EXPECT_EQ(places[0].partition, 0);  // as Java's clients choose
    EXPECT_EQ(places[1].partition, 0);
    EXPECT_EQ(places[2].partition, 2);
    for (const Acknowledged& place : places) EXPECT_EQ(place.offset, 0);
    EXPECT_THAT(read(here, 1), ElementsAre("a"));
}

TEST(TransactionalProducer, what_is_aborted_is_never_read_and_the_next_one_is) {
    const auto topic = make_topic(1);
    const auto producer = opened(unique("id"));
    for (const auto& [value, commit] :
         std::vector<std::pair<std::string, bool>>{{"a", false}, {"b", true}, {"c", false}}) {
        sure(producer->begin());
        write(*producer, topic, value);
        if (commit) {
            EXPECT_EQ(sure(producer->commit(60s)).size(), 1U);
        } else {
            sure(producer->abort(60s));
        }
    }
    EXPECT_THAT(read(topic, 1), ElementsAre("b"));
}

TEST(TransactionalProducer, an_empty_transaction_is_one) {
    const auto producer = opened(unique("id"));
    sure(producer->begin());
    EXPECT_TRUE(sure(producer->commit(60s)).empty());
    sure(producer->begin());
    sure(producer->abort(60s));
}

TEST(TransactionalProducer, C8_a_newer_one_ends_what_is_under_way_and_fences_the_older_one) {
    const auto topic = make_topic(1);
    const auto id = unique("id");
    const auto older = opened(id);
    sure(older->begin());
    write(*older, topic, "of the older one");
    const auto newer = opened(id);
    sure(newer->begin());
    write(*newer, topic, "of the newer one");
    sure(newer->commit(60s));

    auto refused = older->commit(60s);
    ASSERT_FALSE(refused);
    if (refused.error().fault == TransactionFault::abort) {  // it may learn it only then
        const auto aborted = older->abort(60s);
        ASSERT_FALSE(aborted);
        EXPECT_EQ(aborted.error().fault, TransactionFault::fenced) << aborted.error().error.message;
        EXPECT_EQ(aborted.error().error.code, Error::Code::conflict);
        EXPECT_FALSE(aborted.error().error.retryable);
    } else {
        EXPECT_EQ(refused.error().fault, TransactionFault::fenced) << refused.error().error.message;
    }
    EXPECT_THAT(read(topic, 1), ElementsAre("of the newer one"));
}

TEST(TransactionalProducer, C8_one_that_is_fenced_while_it_has_nothing_under_way_writes_nothing_more) {
    const auto topic = make_topic(1);
    const auto id = unique("id");
    const auto older = opened(id);
    sure(older->begin());
    write(*older, topic, "before");
    sure(older->commit(60s));
    const auto newer = opened(id);

    sure(older->begin());  // nobody is asked
    TransactionResult<void> last = older->produce({.topic = topic, .key = "key", .value = "after", .headers = {}});
    if (last) {
        const auto committed = older->commit(60s);
        last = committed ? TransactionResult<void>{} : tl::unexpected(committed.error());
    }
    if (!last && last.error().fault == TransactionFault::abort) last = older->abort(60s);
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().fault, TransactionFault::fenced) << last.error().error.message;
    EXPECT_THAT(read(topic, 1), ElementsAre("before"));
}

TEST(TransactionalProducer, C8_a_record_that_no_broker_takes_is_named_and_the_transaction_can_be_aborted) {
    const auto topic = make_topic(1, {{"max.message.bytes", "2000"}});
    const auto producer = opened(unique("id"));
    sure(producer->begin());
    write(*producer, topic, "small");
    write(*producer, topic, std::string(10'000, 'x'));
    write(*producer, topic, "small too");
    const auto refused = producer->commit(60s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, TransactionFault::abort);
    EXPECT_EQ(refused.error().error.code, Error::Code::too_large) << refused.error().error.message;
    EXPECT_TRUE(refused.error().message.has_value());
    sure(producer->abort(60s));
    // Kafka may have refused what came after it; then librdkafka says so in the next one, and asks for a new epoch.
    for (int tries = 0;; ++tries) {
        sure(producer->begin());
        write(*producer, topic, "next");
        const auto committed = producer->commit(60s);
        if (committed) break;
        ASSERT_EQ(committed.error().fault, TransactionFault::abort) << committed.error().error.message;
        ASSERT_LT(tries, 3) << committed.error().error.message;
        sure(producer->abort(60s));
    }
    EXPECT_THAT(read(topic, 1), ElementsAre("next"));
}

TEST(TransactionalProducer, C8_a_topic_that_does_not_exist_is_named_within_moments) {
    const auto topic = make_topic(1);
    const auto absent = unique("absent");
    const auto producer = opened(unique("id"));
    sure(producer->begin());
    write(*producer, topic, "of a topic that exists");
    sure(producer->produce({.topic = absent, .key = "key", .value = "value", .headers = {}}));
    const auto refused = producer->commit(60s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, TransactionFault::abort);
    EXPECT_EQ(refused.error().error.code, Error::Code::not_found) << refused.error().error.message;
    EXPECT_EQ(refused.error().message, 1U);
    sure(producer->abort(60s));
}

TEST(TransactionalProducer, no_broker_is_a_reason_to_try_again_that_says_why) {
    auto nobody = settings();
    nobody["bootstrap.servers"] = "127.0.0.1:1";
    const auto producer = must(TransactionalProducer::create(nobody, {.transactional_id = unique("id")}));
    const auto refused = producer->init(500ms);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, TransactionFault::retry) << refused.error().error.message;
    EXPECT_TRUE(refused.error().error.retryable);
    EXPECT_THAT(refused.error().error.message, testing::HasSubstr("127.0.0.1:1"));
}

TEST(TransactionalProducer, calls_out_of_order_are_errors) {
    const auto producer = must(TransactionalProducer::create(settings(), {.transactional_id = unique("id")}));
    const auto early = producer->begin();
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().fault, TransactionFault::fatal);
    EXPECT_FALSE(early.error().error.retryable);
}

TEST(TransactionalProducer, settings_that_contradict_its_own_are_refused_or_overruled) {
    auto other = settings();
    other["transactional.id"] = "of somebody else";
    opened(unique("id"), other);
    other["no.such.setting"] = "x";
    EXPECT_FALSE(TransactionalProducer::create(other, {.transactional_id = "id"}));
}

}  // namespace
}  // namespace drover::kafka::test
