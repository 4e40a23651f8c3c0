#include <thread>

#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

std::vector<std::string> values(const std::vector<Record>& records) {
    std::vector<std::string> result;
    for (const auto& record : records) result.emplace_back(record.value().value_or("(null)"));
    return result;
}

std::vector<FieldView> headers_of(const Record& record) {
    std::vector<FieldView> headers;
    record.headers(headers);
    return headers;
}

void expect_as_produced(const std::vector<Record>& records, const std::string& topic, const std::vector<Field>& many) {
    using namespace std::string_literals;
    EXPECT_EQ(records[0].topic(), topic);
    EXPECT_EQ(records[0].partition(), 0);
    EXPECT_EQ(records[0].offset(), 0);
    EXPECT_GT(records[0].timestamp(), Time{});
    EXPECT_EQ(records[0].key(), std::nullopt);
    EXPECT_EQ(records[0].value(), std::nullopt);
    EXPECT_TRUE(headers_of(records[0]).empty());

    EXPECT_EQ(records[1].key(), "");
    EXPECT_EQ(records[1].value(), "");

    EXPECT_EQ(records[2].key(), "k\0ey"s);
    EXPECT_EQ(records[2].value(), "\0\xff\r\n"s);
    const auto binary = headers_of(records[2]);
    ASSERT_EQ(binary.size(), 2U);
    EXPECT_EQ(binary[0].name, "binary");
    EXPECT_EQ(binary[0].value, "\0\x01\xfe"s);
    EXPECT_EQ(binary[1].value, "");

    const auto headers = headers_of(records[3]);
    ASSERT_EQ(headers.size(), many.size());
    for (std::size_t i = 0; i < many.size(); ++i) {
        EXPECT_EQ(headers[i].name, many[i].name);
        EXPECT_EQ(headers[i].value, many[i].value);
    }
}

TEST(Fetcher, A19_a_record_comes_as_it_was_produced_and_stays_so_when_it_is_detached) {
    using namespace std::string_literals;
    const auto topic = make_topic(1);
    std::vector<Field> many;
    for (int i = 0; i < 200; ++i) many.push_back({"name-" + std::to_string(i / 2), std::to_string(i)});
    produce(topic, {{std::nullopt, std::nullopt, {}},
                    {"", "", {}},
                    {"k\0ey"s, "\0\xff\r\n"s, {{"binary", "\0\x01\xfe"s}, {"empty", ""}}},
                    {"key", "value", many}});
    Reader reader;
    reader.start(7, topic, 0, Fetcher::earliest);
    ASSERT_TRUE(reader.wait_for_records(7, 4));
    auto& records = reader.seen[7].records;
    expect_as_produced(records, topic, many);
    const Time timestamp = records[3].timestamp();
    for (Record& record : records) record.detach();
    for (Record& record : records) record.detach();  // the second time changes nothing
    expect_as_produced(records, topic, many);
    EXPECT_EQ(records[3].timestamp(), timestamp);
}

TEST(Fetcher, every_partition_comes_in_order_and_whole) {
    const auto topic = make_topic(12);
    produce(topic, numbered(5000));
    Reader reader;
    for (int i = 0; i < 12; ++i) reader.start(static_cast<Fetcher::Id>(i), topic, i, Fetcher::earliest);
    std::size_t total = 0;
    ASSERT_TRUE(reader.wait_for([&] {
        total = 0;
        for (const auto& [id, seen] : reader.seen) total += seen.records.size();
        return total >= 5000;
    }));
    EXPECT_EQ(total, 5000U);
    for (const auto& [id, seen] : reader.seen) {
        std::int64_t expected = 0;
        int last = -1;
        for (const auto& record : seen.records) {
            EXPECT_EQ(record.offset(), expected++);
            const int number = std::stoi(std::string(record.value().value_or("-1")));
            EXPECT_GT(number, last);
            last = number;
        }
    }
}

TEST(Fetcher, says_when_the_end_is_reached_again_after_each_new_record) {
    const auto topic = make_topic(1);
    Reader reader;
    reader.start(1, topic, 0, 0);
    ASSERT_TRUE(reader.wait_for([&] { return reader.seen[1].ends == std::vector<std::int64_t>{0}; }));
    produce(topic, numbered(1));
    ASSERT_TRUE(reader.wait_for([&] { return reader.seen[1].ends == std::vector<std::int64_t>{0, 1}; }));
    EXPECT_EQ(reader.seen[1].records.size(), 1U);
}

// The end that no reader could reach by counting records: a committed transaction leaves a marker behind.
TEST(Fetcher, B5_the_end_is_past_transaction_markers_and_aborted_records_do_not_come) {
    const auto topic = make_topic(1);
    produce_in_transactions(topic, {{"c", true}, {"a", false}});  // records 0 and 2, markers 1 and 3

    Reader reader;
    reader.start(1, topic, 0, Fetcher::earliest);
    ASSERT_TRUE(reader.wait_for([&] { return !reader.seen[1].ends.empty() && reader.seen[1].ends.back() == 4; }));
    EXPECT_EQ(values(reader.seen[1].records), std::vector<std::string>{"c"});
    EXPECT_EQ(admin().offsets({{topic, 0}})->at({topic, 0}).end, 4);
}

TEST(Fetcher, an_offset_past_the_end_is_out_of_range_and_a_seek_mends_it) {
    const auto topic = make_topic(1);
    produce(topic, numbered(3));
    Reader reader;
    reader.start(1, topic, 0, 1000);
    ASSERT_TRUE(reader.wait_for([&] { return reader.seen[1].out_of_range.size() == 1; }));
    EXPECT_TRUE(reader.seen[1].records.empty());
    must(reader.fetcher->seek(1, Fetcher::earliest));
    ASSERT_TRUE(reader.wait_for_records(1, 3));
    EXPECT_EQ(values(reader.seen[1].records), (std::vector<std::string>{"0", "1", "2"}));
}

TEST(Fetcher, B5_the_earliest_is_the_first_that_is_there) {
    const auto topic = make_topic(1), emptied = make_topic(1);
    produce(topic, numbered(10));
    produce(emptied, numbered(10));
    must(admin().delete_records({{{topic, 0}, 6}, {{emptied, 0}, 10}}));
    Reader reader;
    reader.start(1, topic, 0, Fetcher::earliest);
    reader.start(2, emptied, 0, Fetcher::earliest);
    ASSERT_TRUE(reader.wait_for_records(1, 4));
    EXPECT_EQ(reader.seen[1].records.front().offset(), 6);
    ASSERT_TRUE(reader.wait_for([&] { return reader.seen[2].ends == std::vector<std::int64_t>{10}; }));
    produce(emptied, numbered(1));
    ASSERT_TRUE(reader.wait_for_records(2, 1));
    EXPECT_TRUE(reader.seen[1].out_of_range.empty() && reader.seen[2].out_of_range.empty());
}

TEST(Fetcher, B5_an_offset_that_was_deleted_is_out_of_range) {
    const auto topic = make_topic(1);
    produce(topic, numbered(10));
    must(admin().delete_records({{{topic, 0}, 6}}));
    Reader reader;
    reader.start(1, topic, 0, 2);
    ASSERT_TRUE(reader.wait_for([&] { return reader.seen[1].out_of_range.size() == 1; }));
    must(reader.fetcher->seek(1, 6));
    ASSERT_TRUE(reader.wait_for_records(1, 4));
    EXPECT_EQ(reader.fetcher->end(1), 10);
    EXPECT_EQ(reader.fetcher->end(2), std::nullopt);
    EXPECT_EQ(reader.seen[1].records.front().offset(), 6);
}

TEST(Fetcher, a_seek_drops_what_was_prefetched_and_reads_on_from_there) {
    const auto topic = make_topic(1);
    produce(topic, numbered(500));
    Reader reader;
    reader.start(1, topic, 0, 0);
    std::vector<Fetcher::Fetched> first;
    ASSERT_TRUE(wait_until(reader.wakeup, [&] {
        if (first.empty()) reader.fetcher->take(1, 1, first);
        return !first.empty();
    }));
    must(reader.fetcher->seek(1, 450));
    ASSERT_TRUE(reader.wait_for_records(1, 50));
    EXPECT_EQ(reader.seen[1].records.front().offset(), 450);
    must(reader.fetcher->seek(1, 100));
    ASSERT_TRUE(reader.wait_for_records(1, 450));
    EXPECT_EQ(reader.seen[1].records[50].offset(), 100);
    EXPECT_EQ(reader.seen[1].records.back().offset(), 499);
}

TEST(Fetcher, a_stopped_partition_gives_nothing_and_may_be_started_again) {
    const auto topic = make_topic(2);
    produce(topic, numbered(400));
    Reader reader;
    const auto ends = must(admin().offsets({{topic, 0}, {topic, 1}}));
    const auto count0 = static_cast<std::size_t>(ends.at({topic, 0}).end);
    const auto count1 = static_cast<std::size_t>(ends.at({topic, 1}).end);
    reader.start(1, topic, 0, 0);
    reader.start(2, topic, 1, 0);
    ASSERT_TRUE(reader.wait_for_records(2, count1));
    reader.fetcher->stop(1);
    std::vector<Fetcher::Fetched> out;
    EXPECT_FALSE(reader.fetcher->take(1, 100, out));
    EXPECT_TRUE(out.empty());
    reader.start(3, topic, 0, 5);
    ASSERT_TRUE(reader.wait_for_records(3, count0 - 5));
    EXPECT_EQ(reader.seen[3].records.front().offset(), 5);
    EXPECT_EQ(reader.seen[3].records.size(), count0 - 5);
}

TEST(Fetcher, a_number_in_use_is_refused_and_the_partition_goes_on) {
    const auto topic = make_topic(2);
    produce(topic, numbered(10));
    Reader reader;
    reader.start(1, topic, 0, 0);
    const auto again = reader.fetcher->start(1, {topic, 1}, 0);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Error::Code::conflict);
    EXPECT_TRUE(reader.wait_for([&] { return !reader.seen[1].ends.empty(); }));
}

TEST(Fetcher, a_partition_that_nobody_takes_from_does_not_hold_up_another) {
    const auto topic = make_topic(2);
    produce(topic, numbered(6000, 1024));
    Reader reader({.queued_bytes = 128 * 1024, .expected_partitions = 2});
    reader.start(1, topic, 0, 0);
    reader.start(2, topic, 1, 0);
    const auto all = static_cast<std::size_t>(must(admin().offsets({{topic, 1}})).at({topic, 1}).end);
    std::size_t taken = 0;
    EXPECT_TRUE(wait_until(reader.wakeup, [&] {
        std::vector<Fetcher::Fetched> out;
        while (reader.fetcher->take(2, 50, out)) {}
        for (const auto& thing : out) taken += std::holds_alternative<Record>(thing) ? 1U : 0U;
        return taken >= all;
    }));
    EXPECT_EQ(taken, all);
}

TEST(Fetcher, A17_a_record_larger_than_all_its_buffers_comes_through) {
    const auto topic = make_topic(1, {{"max.message.bytes", "8388608"}});
    produce(topic, {{"a", std::string(5 << 20, 'x'), {}}, {"b", "small", {}}});
    Reader reader({.queued_bytes = 128 * 1024, .expected_partitions = 12});
    reader.start(1, topic, 0, 0);
    ASSERT_TRUE(reader.wait_for_records(1, 2));
    EXPECT_EQ(reader.seen[1].records[0].value().value_or("").size(), std::size_t{5} << 20);
    EXPECT_EQ(reader.seen[1].records[1].value(), "small");
}

TEST(Fetcher, a_topic_that_does_not_exist_is_a_failure_of_that_partition_alone) {
    const auto topic = make_topic(1);
    produce(topic, numbered(1));
    Reader reader;
    reader.start(1, unique("absent"), 0, 0);
    reader.start(2, topic, 0, 0);
    ASSERT_TRUE(reader.wait_for([&] { return !reader.seen[1].failed.empty() && !reader.seen[2].records.empty(); }));
    EXPECT_EQ(reader.seen[1].failed.front().code, Error::Code::not_found) << reader.seen[1].failed.front().message;
}

// The reader waits for wakeups alone: one lost, and it hangs. The other thread makes the queues run empty and fill
// again in as many ways as it can: single records that wait for their reading, and bursts that do not.
TEST(Fetcher, no_wakeup_is_lost) {
    constexpr int partitions = 4;
    constexpr std::size_t count = 20'000;
    const auto topic = make_topic(partitions);
    Reader reader;
    for (int i = 0; i < partitions; ++i) reader.start(static_cast<Fetcher::Id>(i), topic, i, 0);
    std::atomic<std::size_t> read{0};
    std::atomic<bool> failed{false};
    const std::jthread feeder([&] {
        Wakeup wakeup;
        const auto producer = must(Producer::create(settings(), wakeup));
        std::size_t sent = 0;
        for (std::size_t burst = 1; sent < count; burst = burst % 97 + 1) {
            for (std::size_t i = 0; i < burst && sent < count; ++i, ++sent) {
                const auto key = std::to_string(sent);
                must(producer->produce({topic, key, key, {}}, sent));
            }
            const bool wait_for_reader = burst % 3 == 0;
            if (!wait_until(wakeup, [&] {
                    producer->poll();
                    return producer->in_flight() == 0;
                })) {
                failed = true;
                return;
            }
            if (!wait_for_reader) continue;
            for (std::size_t seen = read; seen < sent && !failed; seen = read) read.wait(seen);
        }
    });
    EXPECT_TRUE(wait_for_wakeups(reader.wakeup, [&] {
        std::vector<Fetcher::Id> ready;
        reader.fetcher->ready(ready);
        for (const auto id : ready) {
            std::vector<Fetcher::Fetched> out;
            while (reader.fetcher->take(id, 3, out)) {}
            for (const auto& thing : out) read += std::holds_alternative<Record>(thing) ? 1U : 0U;
        }
        read.notify_all();
        return read >= count || failed;
    }));
    failed = read < count;
    EXPECT_EQ(read, count);
    read = count;
    read.notify_all();
}

}  // namespace
}  // namespace drover::kafka::test
