#include "src/kafka/log_reader.h"

#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A log reader on a fetcher of its own, and what it has read.
struct Log {
    Log() : fetcher(must(Fetcher::create(settings(), {}, wakeup))), reader(*fetcher) {}

    void take_ready() {
        std::vector<Fetcher::Id> ready;
        fetcher->ready(ready);
        for (const auto id : ready) {
            if (!reader.reads(id)) {
                others.push_back(id);
                continue;
            }
            std::vector<Record> records;
            while (reader.take(id, 100, records)) {}
            for (const auto& record : records) values.emplace_back(record.value().value_or("(null)"));
        }
    }
    bool wait_for(const std::function<bool()>& condition) {
        return wait_until(wakeup, [&] {
            fetcher->serve();
            take_ready();
            return condition();
        });
    }

    Wakeup wakeup;
    std::unique_ptr<Fetcher> fetcher;
    LogReader reader;
    std::vector<std::string> values;
    std::vector<Fetcher::Id> others;
};

std::vector<std::string> values_of(const std::string& topic, const LogReading& reading = {}) {
    std::vector<std::string> values;
    must(read_log(settings(), admin(), {topic}, reading,
                  [&](const Record& record) { values.emplace_back(record.value().value_or("(null)")); }));
    return values;
}

TEST(LogReader, A14_reads_to_the_end_says_so_and_follows) {
    const auto topic = make_topic(1);
    produce(topic, numbered(300));
    Log log;
    must(log.reader.start(1, {topic, 0}));
    EXPECT_FALSE(log.reader.caught_up());
    ASSERT_TRUE(log.wait_for([&] { return log.reader.caught_up(); }));
    EXPECT_EQ(log.values.size(), 300U);
    EXPECT_EQ(log.reader.position(1), 300);
    produce(topic, {{"k", "later", {}}});
    ASSERT_TRUE(log.wait_for([&] { return log.values.size() == 301; }));
    EXPECT_EQ(log.values.back(), "later");
    EXPECT_TRUE(log.reader.caught_up());
}

TEST(LogReader, an_empty_partition_is_caught_up_with) {
    const auto topic = make_topic(2);
    Log log;
    must(log.reader.start(1, {topic, 0}));
    must(log.reader.start(2, {topic, 1}));
    ASSERT_TRUE(log.wait_for([&] { return log.reader.caught_up(); }));
    EXPECT_THAT(log.values, IsEmpty());
}

TEST(LogReader, reads_on_from_an_offset_and_at_the_first_that_exists_where_that_one_is_gone) {
    const auto topic = make_topic(1);
    produce(topic, numbered(5));
    Log log;
    must(log.reader.start(1, {topic, 0}, 3));
    ASSERT_TRUE(log.wait_for([&] { return log.reader.caught_up(); }));
    EXPECT_THAT(log.values, ElementsAre("3", "4"));

    must(admin().delete_records({{{topic, 0}, 2}}));
    Log late;
    must(late.reader.start(1, {topic, 0}, 1));
    ASSERT_TRUE(late.wait_for([&] { return late.reader.caught_up(); }));
    EXPECT_THAT(late.values, ElementsAre("2", "3", "4"));
}

TEST(LogReader, leaves_other_partitions_of_its_fetcher_alone) {
    const auto topic = make_topic(2);
    Log log;
    must(log.reader.start(1, {topic, 0}));
    must(log.fetcher->start(2, {topic, 1}, Fetcher::earliest));
    ASSERT_TRUE(log.wait_for([&] { return log.reader.caught_up() && !log.others.empty(); }));
    EXPECT_THAT(log.others, testing::Each(2));
    std::vector<Record> records;
    EXPECT_FALSE(log.reader.take(2, 100, records));
    log.reader.stop(2);
    std::vector<Fetcher::Fetched> fetched;
    ASSERT_TRUE(log.wait_for([&] {  // still started
        log.fetcher->take(2, 100, fetched);
        return !fetched.empty();
    }));
}

TEST(LogReader, A14_of_a_missing_topic_says_so_and_is_not_caught_up) {
    Log log;
    must(log.reader.start(1, {unique("absent"), 0}));
    std::vector<Error> troubles;
    ASSERT_TRUE(log.wait_for([&] {
        for (Error& error : log.reader.troubles()) troubles.push_back(std::move(error));
        return !troubles.empty();
    }));
    EXPECT_EQ(troubles.front().code, Error::Code::not_found);
    EXPECT_FALSE(log.reader.caught_up());
}

TEST(ReadLog, reads_every_partition_whole_and_in_order) {
    const auto topic = make_topic(5);
    produce(topic, numbered(2000));
    std::map<int, std::int64_t> next;
    std::size_t count = 0;
    must(read_log(settings(), admin(), {topic}, {}, [&](const Record& record) {
        EXPECT_EQ(record.offset(), next[record.partition()]++);
        ++count;
    }));
    EXPECT_EQ(count, 2000U);
    EXPECT_THAT(values_of(make_topic(3)), IsEmpty());
}

TEST(ReadLog, C7_what_comes_while_it_reads_is_left_out) {
    const auto topic = make_topic(1);
    produce(topic, numbered(3));
    std::vector<std::string> values;
    must(read_log(settings(), admin(), {topic}, {}, [&](const Record& record) {
        values.emplace_back(record.value().value_or(""));
        produce(topic, {{"k", "new", {}}});  // as a redrive does whose jobs die again
    }));
    EXPECT_THAT(values, ElementsAre("0", "1", "2"));
}

TEST(ReadLog, ends_past_transaction_markers_and_without_what_was_aborted) {
    const auto topic = make_topic(1);
    produce_in_transactions(topic, {{"a", true}, {"b", false}, {"c", true}, {"d", false}});
    EXPECT_THAT(values_of(topic), ElementsAre("a", "c"));
}

TEST(ReadLog, begins_where_it_is_told_to) {
    const auto topic = make_topic(1);
    produce(topic, numbered(4));
    EXPECT_THAT(values_of(topic, {.from = {{{topic, 0}, 2}}}), ElementsAre("2", "3"));
    EXPECT_THAT(values_of(topic, {.from = {{{topic, 0}, 4}}}), IsEmpty());
    EXPECT_THAT(values_of(topic, {.from = {{{topic, 0}, 99}}}), IsEmpty());
    must(admin().delete_records({{{topic, 0}, 3}}));
    EXPECT_THAT(values_of(topic, {.from = {{{topic, 0}, 1}}}), ElementsAre("3"));
}

TEST(ReadLog, ends_when_it_is_told_to) {
    const auto topic = make_topic(1);
    produce(topic, numbered(50));
    std::size_t count = 0;
    const LogReading until_ten{.stopped = [&] { return count >= 10; }};
    must(read_log(settings(), admin(), {topic}, until_ten, [&](const Record&) { ++count; }));
    EXPECT_EQ(count, 10U);
}

TEST(ReadLog, a_missing_topic_is_named) {
    const auto absent = unique("absent");
    const auto read = read_log(settings(), admin(), {make_topic(1), absent}, {}, [](const Record&) {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Error::Code::not_found);
    EXPECT_THAT(read.error().message, HasSubstr(absent));
}

TEST(ReadLog, a_kafka_that_cannot_be_reached_is_an_error_in_time) {
    const auto topic = make_topic(1);
    produce(topic, numbered(1));
    const Settings away{{"bootstrap.servers", "127.0.0.1:1"}};
    // The admin answers, the fetcher does not: as when brokers are lost in between.
    const auto read =
        read_log(away, admin(), {topic}, {.patience = std::chrono::milliseconds(500)}, [](const Record&) {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Error::Code::timeout) << read.error().message;
    EXPECT_THAT(read.error().message, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace drover::kafka::test
