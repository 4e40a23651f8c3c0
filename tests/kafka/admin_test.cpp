#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

TEST(Admin, counts_the_brokers) { EXPECT_GE(must(admin().broker_count()), 1); }

TEST(Admin, B1_creates_missing_topics_grows_small_ones_and_leaves_the_rest) {
    const auto topic = unique("test");
    const auto other = unique("test");
    must(admin().ensure_topics({{topic, 2, 1, {{"retention.ms", "-1"}}}}));
    must(admin().ensure_topics({{topic, 5, 1, {}}, {other, 1, 1, {}}}));
    must(admin().ensure_topics({{topic, 3, 1, {}}, {other, 1, 1, {}}}));
    const auto absent = unique("absent");
    EXPECT_EQ(must(admin().topics({topic, other, absent})), (std::map<std::string, int>{{topic, 5}, {other, 1}}));
}

TEST(Admin, B13_more_topics_than_are_asked_for_at_once_are_all_counted) {
    std::vector<TopicSpec> specs;
    std::vector<std::string> names;
    std::map<std::string, int> counts;
    for (int i = 0; i < 205; ++i) {
        names.push_back(unique("test"));
        specs.push_back({names.back(), 1 + i % 2, 1, {}});
        counts.emplace(names.back(), 1 + i % 2);
    }
    must(admin().ensure_topics(specs));
    names.push_back(unique("absent"));
    EXPECT_EQ(must(admin().topics(names)), counts);
    EXPECT_TRUE(must(admin().topics({})).empty());
    names.pop_back();
    must(admin().delete_topics(names));
}

TEST(Admin, a_topic_that_was_deleted_is_gone_and_deleting_it_again_is_well) {
    const auto topic = make_topic(1);
    must(admin().delete_topics({topic}));
    EXPECT_TRUE(must(admin().topics({topic})).empty());
    EXPECT_TRUE(admin().delete_topics({topic}));
}

TEST(Admin, a_topic_that_kafka_refuses_is_named) {
    const auto topic = unique("test");
    const auto refused = admin().ensure_topics({{topic, 1, 99, {}}});  // replicas that there are no brokers for
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::invalid) << refused.error().message;
    EXPECT_THAT(refused.error().message, testing::HasSubstr(topic));
}

TEST(Admin, B5_offsets_have_a_start_that_follows_deletion_and_missing_topics_are_absent) {
    const auto topic = make_topic(2);
    const auto absent = unique("absent");
    produce(topic, std::vector<Sent>(10, Sent{"same key", "v", {}}));
    const auto at = [&](int partition) { return TopicPartition{topic, partition}; };
    auto offsets = must(admin().offsets({at(0), at(1), {absent, 0}}));
    ASSERT_EQ(offsets.size(), 2U);
    const int full = offsets.at(at(0)).end == 10 ? 0 : 1;
    EXPECT_EQ(offsets.at(at(full)).start, 0);
    EXPECT_EQ(offsets.at(at(full)).end, 10);
    EXPECT_EQ(offsets.at(at(1 - full)).end, 0);

    must(admin().delete_records({{at(full), 4}}));
    must(admin().delete_records({{at(full), 2}}));  // below the start: nothing to do
    offsets = must(admin().offsets({at(full)}));
    EXPECT_EQ(offsets.at(at(full)).start, 4);
    EXPECT_EQ(offsets.at(at(full)).end, 10);
    const auto beyond = admin().delete_records({{at(full), 1000}});
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, Error::Code::invalid);
}

TEST(Admin, finds_the_offset_of_a_time_and_the_end_where_there_is_none) {
    const auto topic = make_topic(1, {{"message.timestamp.type", "CreateTime"}});
    const auto places = produce(topic, numbered(3));
    const TopicPartition partition{topic, 0};
    EXPECT_EQ(must(admin().offsets_at({partition}, places[0].timestamp)).at(partition), 0);
    EXPECT_EQ(must(admin().offsets_at({partition}, places[2].timestamp + std::chrono::hours(1))).at(partition), 3);
    // Long before 1970, and beyond 32 bits.
    EXPECT_EQ(must(admin().offsets_at({partition}, Time(std::chrono::hours(-1)))).at(partition), 0);
}

TEST(Admin, A2_positions_of_an_empty_group_are_written_and_read_with_their_metadata) {
    const auto topic = make_topic(3);
    const auto group = unique("group");
    EXPECT_TRUE(must(admin().group_positions(group)).empty());
    const std::string metadata(4096, 'm');
    must(admin().set_group_positions(group, {{{topic, 0}, 11, metadata}, {{topic, 2}, 22, ""}}));
    const auto read = must(admin().group_positions(group));
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read.at({topic, 0}).offset, 11);
    EXPECT_EQ(read.at({topic, 0}).metadata, metadata);
    EXPECT_EQ(read.at({topic, 2}).offset, 22);
    EXPECT_EQ(read.at({topic, 2}).metadata, "");

    const auto never = unique("group");
    const auto several = must(admin().group_positions(std::vector{never, group}));
    ASSERT_EQ(several.size(), 2U);
    EXPECT_TRUE(several.at(never).empty());
    EXPECT_EQ(several.at(group).at({topic, 0}).metadata, metadata);
    EXPECT_EQ(several.at(group).size(), 2U);
}

TEST(Admin, positions_of_a_group_with_members_are_not_to_be_changed) {
    const auto topic = make_topic(1);
    const auto group = unique("group");
    Member member(group, {topic});
    ASSERT_TRUE(wait_until(member.wakeup, [&] {
        member.turn();
        return member.owned.size() == 1;
    }));
    const auto refused = admin().set_group_positions(group, {{{topic, 0}, 1, ""}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::conflict) << refused.error().message;
}

TEST(Admin, B5_lag_is_the_end_less_what_was_committed) {
    const auto topic = make_topic(1);
    const auto group = unique("group");
    produce(topic, numbered(30));
    Member member(group, {topic});
    ASSERT_TRUE(wait_until(member.wakeup, [&] {
        member.turn();
        return member.owned.size() == 1;
    }));
    member.commit({{{topic, 0}, 12, ""}});
    const TopicPartition partition{topic, 0};
    const auto committed = must(admin().group_positions(group)).at(partition).offset;
    EXPECT_EQ(must(admin().offsets({partition})).at(partition).end - committed, 18);
}

}  // namespace
}  // namespace drover::kafka::test
