// Records that are looked up where they stand, and where they do not stand any more.
#include "gateway/record_reader.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kafka/test_broker.h"
#include "tests/kube/owner_thread.h"

namespace drover::gateway::test {
namespace {

using kafka::test::must;
using kafka::test::numbered;
using kafka::test::produce;
using kube::test::OwnerThread;
using kube::test::Signalled;
using testing::ElementsAre;
using testing::IsEmpty;

using Values = std::vector<std::string>;

class RecordReaderTest : public testing::Test {
protected:
    ~RecordReaderTest() override {
        owner_.run([&] { reader_.reset(); });
    }

    Result<std::string> read(const std::string& topic, std::int64_t offset) {
        Signalled<std::optional<Result<std::string>>> answer;
        owner_.run([&] {
            reader_->read({topic, 0}, offset, [&](const Result<StoredRecord>& record) {
                EXPECT_TRUE(owner_.is_here());
                answer.change([&](auto& value) {
                    value =
                        record ? Result<std::string>(record->value.value_or("null")) : tl::unexpected(record.error());
                });
            });
        });
        EXPECT_TRUE(answer.await([](const auto& value) { return value.has_value(); }));
        return *answer.get();
    }

    Result<Values> read_all(const std::string& topic, const std::vector<std::int64_t>& offsets) {
        Signalled<std::optional<Result<void>>> answer;
        Values values;
        owner_.run([&] {
            reader_->read_all(
                {topic, 0}, offsets,
                [&](std::int64_t offset, const StoredRecord& record) {
                    EXPECT_EQ(record.key, std::to_string(offset));
                    values.push_back(record.value.value_or("null"));
                },
                [&](const Result<void>& done) { answer.change([&](auto& value) { value = done; }); });
        });
        EXPECT_TRUE(answer.await([](const auto& value) { return value.has_value(); }));
        if (!*answer.get()) return tl::unexpected(answer.get()->error());
        return values;
    }

    OwnerThread owner_;
    std::unique_ptr<RecordReader> reader_ = std::make_unique<RecordReader>(kafka::test::settings(), owner_.executor());
};

TEST_F(RecordReaderTest, C3_a_record_is_read_where_it_stands) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, numbered(5));
    EXPECT_EQ(must(read(topic, 3)), "3");
    EXPECT_EQ(must(read(topic, 0)), "0");
}

TEST_F(RecordReaderTest, C3_a_record_that_is_gone_or_never_was_is_not_found) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, numbered(5));
    must(kafka::test::admin().delete_records({{{topic, 0}, 3}}));
    for (const std::int64_t offset : {0, 2, 5, 1000}) {
        const auto record = read(topic, offset);
        ASSERT_FALSE(record) << offset;
        EXPECT_EQ(record.error().code, Error::Code::not_found) << record.error().message;
    }
    EXPECT_EQ(must(read(topic, 3)), "3");
}

TEST_F(RecordReaderTest, C5_many_are_read_those_that_are_gone_are_left_out) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, numbered(20));
    EXPECT_THAT(must(read_all(topic, {1, 2, 19})), ElementsAre("1", "2", "19"));
    must(kafka::test::admin().delete_records({{{topic, 0}, 10}}));
    EXPECT_THAT(must(read_all(topic, {1, 2, 10, 15, 20, 30})), ElementsAre("10", "15"));
    EXPECT_THAT(must(read_all(topic, {20, 30})), IsEmpty());
    EXPECT_THAT(must(read_all(topic, {3, 4})), IsEmpty());
}

TEST_F(RecordReaderTest, C5_what_lies_far_apart_is_not_read_through) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, numbered(30'000));
    EXPECT_THAT(must(read_all(topic, {0, 1, 14'000, 29'999})), ElementsAre("0", "1", "14000", "29999"));
    std::vector<std::int64_t> all(30'000);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(must(read_all(topic, all)).size(), all.size());
}

}  // namespace
}  // namespace drover::gateway::test
