#include <algorithm>

#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

std::vector<TopicPartition> partitions_of(const std::string& topic, int count) {
    std::vector<TopicPartition> partitions;
    for (int i = 0; i < count; ++i) partitions.push_back({topic, i});
    return partitions;
}

// Turns all members until the condition holds.
bool drive(const std::vector<Member*>& members, const std::function<bool()>& condition) {
    return wait_until(members.front()->wakeup, [&] {
        for (auto* member : members) member->turn();
        return condition();
    });
}

TEST(GroupMember, alone_owns_every_partition_and_gives_them_back_when_it_closes) {
    const auto topic = make_topic(12);
    Member member(unique("group"), {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 12; }));
    member.member->close();
    ASSERT_TRUE(drive({&member}, [&] { return member.revoking.size() == 12; }));
    EXPECT_FALSE(member.closed);
    member.release_revoked();
    EXPECT_TRUE(drive({&member}, [&] { return member.closed; }));
    EXPECT_EQ(member.lost, 0U);
}

TEST(GroupMember, A15_commits_while_it_closes) {
    const auto topic = make_topic(1);
    const auto group = unique("group");
    Member member(group, {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 1; }));
    member.member->close();
    ASSERT_TRUE(drive({&member}, [&] { return member.revoking.size() == 1; }));
    const auto answer = member.commit({{{topic, 0}, 5, "last"}});
    EXPECT_EQ(answer.partitions.at(0).second, std::nullopt);
    member.release_revoked();
    ASSERT_TRUE(drive({&member}, [&] { return member.closed; }));
    EXPECT_EQ(must(admin().group_positions(group)).at({topic, 0}).metadata, "last");
}

TEST(GroupMember, closing_one_that_owns_nothing_closes_it) {
    Member member(unique("group"), {unique("absent")});
    member.member->close();
    EXPECT_TRUE(drive({&member}, [&] { return member.closed; }));
}

TEST(GroupMember, A2_positions_and_4096_bytes_of_metadata_for_each_partition_survive) {
    const auto topic = make_topic(12);
    Member member(unique("group"), {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 12; }));
    std::vector<Position> positions;
    for (int i = 0; i < 12; ++i) {
        positions.push_back({{topic, i}, 100 + i, std::string(4096, static_cast<char>('a' + i))});
    }
    const auto committed = member.commit(positions);
    ASSERT_EQ(committed.partitions.size(), 12U);
    for (const auto& [partition, error] : committed.partitions) EXPECT_EQ(error, std::nullopt) << partition.partition;

    const auto read = member.read(partitions_of(topic, 12));
    ASSERT_EQ(read.partitions.size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) {
        const auto& [partition, position] = read.partitions[i];
        ASSERT_TRUE(position.has_value() && position->has_value());
        EXPECT_EQ((*position)->offset, 100 + partition.partition);
        EXPECT_EQ((*position)->metadata, positions[static_cast<std::size_t>(partition.partition)].metadata);
    }
}

TEST(GroupMember, A2_metadata_over_4096_bytes_fails_its_partition_and_the_others_are_committed) {
    const auto topic = make_topic(3);
    Member member(unique("group"), {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 3; }));
    const auto committed =
        member.commit({{{topic, 0}, 1, "a"}, {{topic, 1}, 2, std::string(4097, 'x')}, {{topic, 2}, 3, "c"}});
    ASSERT_EQ(committed.partitions.size(), 3U);
    for (const auto& [partition, error] : committed.partitions) {
        EXPECT_EQ(error.has_value(), partition.partition == 1);
        if (error) {
            EXPECT_EQ(error->code, Error::Code::too_large);
        }
    }
    const auto read = member.read(partitions_of(topic, 3));
    for (const auto& [partition, position] : read.partitions) {
        ASSERT_TRUE(position.has_value());
        EXPECT_EQ(position->has_value(), partition.partition != 1);
    }
}

TEST(GroupMember, a_partition_without_a_position_reads_as_nothing) {
    const auto topic = make_topic(2);
    Member member(unique("group"), {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 2; }));
    member.commit({{{topic, 1}, 9, ""}});
    const auto read = member.read(partitions_of(topic, 2));
    ASSERT_EQ(read.partitions.size(), 2U);
    EXPECT_EQ(read.partitions[0].second.value(), std::nullopt);
    EXPECT_EQ(read.partitions[1].second.value()->offset, 9);
    EXPECT_EQ(read.partitions[1].second.value()->metadata, "");
}

TEST(GroupMember, every_call_is_answered_an_empty_one_too) {
    const auto topic = make_topic(1);
    Member member(unique("group"), {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 1; }));
    for (int i = 0; i < 100; ++i) {
        member.member->commit({{{topic, 0}, i, "m"}});
        member.member->read_positions({{topic, 0}});
    }
    member.member->commit({});
    member.member->read_positions({});
    ASSERT_TRUE(drive({&member}, [&] { return member.committed.size() >= 101 && member.positions.size() >= 101; }));
    EXPECT_EQ(member.committed.size(), 101U);
    EXPECT_EQ(member.positions.size(), 101U);
    EXPECT_EQ(member.read({{topic, 0}}).partitions[0].second.value()->offset, 99);
}

TEST(GroupMember, A2_the_next_member_of_a_group_that_was_left_finds_its_positions) {
    const auto topic = make_topic(1);
    const auto group = unique("group");
    {
        Member first(group, {topic});
        ASSERT_TRUE(drive({&first}, [&] { return first.owned.size() == 1; }));
        first.commit({{{topic, 0}, 42, "v1:abc"}});
        first.member->close();
        ASSERT_TRUE(drive({&first}, [&] {
            first.release_revoked();
            return first.closed;
        }));
    }
    Member second(group, {topic});
    ASSERT_TRUE(drive({&second}, [&] { return second.owned.size() == 1; }));
    const auto read = second.read({{topic, 0}});
    EXPECT_EQ(read.partitions[0].second.value()->offset, 42);
    EXPECT_EQ(read.partitions[0].second.value()->metadata, "v1:abc");
}

// Two members over jobs that are in flight when the partition is asked back: held, finished, committed, handed over.
TEST(GroupMember, A15_a_handover_that_waits_for_jobs_in_flight_makes_no_duplicate) {
    constexpr int partitions = 12;
    const auto topic = make_topic(partitions);
    produce(topic, numbered(1200));
    const auto group = unique("group");
    std::map<std::pair<int, std::int64_t>, int> handled;  // by partition and offset

    // Handles records one at a time; what it took last is in flight until settle().
    struct Worker {
        Worker(const std::string& group, const std::string& topic) : member(group, {topic}) {}

        void take(const std::string& topic, std::size_t max) {
            for (const auto& partition : member.owned) {
                const auto id = static_cast<Fetcher::Id>(partition.partition);
                if (!next.contains(partition.partition)) {
                    const auto read = member.read({partition});
                    const auto& position = read.partitions.at(0).second.value();
                    next[partition.partition] = position ? position->offset : 0;
                    reader.start(id, topic, partition.partition, next[partition.partition]);
                }
                if (member.revoking.contains(partition)) continue;
                reader.fetcher->take(id, max, in_flight[partition.partition]);
            }
        }
        void settle(std::map<std::pair<int, std::int64_t>, int>& into) {
            for (auto& [partition, fetched] : in_flight) {
                for (const auto& thing : fetched) {
                    const auto* record = std::get_if<Record>(&thing);
                    if (record == nullptr) continue;
                    ++into[{partition, record->offset()}];
                    next[partition] = record->offset() + 1;
                }
                fetched.clear();
            }
        }
        void commit(const std::string& topic) {
            std::vector<Position> positions;
            for (const auto& [partition, offset] : next) positions.push_back({{topic, partition}, offset, ""});
            const auto answer = member.commit(positions);
            for (const auto& [partition, error] : answer.partitions) {
                EXPECT_EQ(error, std::nullopt) << error->message;
            }
        }
        void hand_over() {
            for (const auto& partition : member.revoking) {
                reader.fetcher->stop(static_cast<Fetcher::Id>(partition.partition));
                next.erase(partition.partition);
                in_flight.erase(partition.partition);
            }
            member.release_revoked();
        }

        Member member;
        Reader reader;
        std::map<int, std::int64_t> next;
        std::map<int, std::vector<Fetcher::Fetched>> in_flight;
    };

    Worker first(group, topic);
    ASSERT_TRUE(drive({&first.member}, [&] { return first.member.owned.size() == partitions; }));
    ASSERT_TRUE(drive({&first.member}, [&] {
        first.take(topic, 10);
        first.settle(handled);
        return handled.size() >= 300;
    }));
    Worker second(group, topic);
    // Jobs in flight at the first while the second asks for its share.
    ASSERT_TRUE(drive({&first.member, &second.member}, [&] {
        first.take(topic, 1);
        return first.member.revoking.size() == partitions / 2;
    }));
    // The share stays with the first for as long as it holds it: heartbeats go on, other partitions too, and it may
    // commit.
    const auto hold_until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    ASSERT_TRUE(drive({&first.member, &second.member}, [&] {
        first.take(topic, 1);
        return std::chrono::steady_clock::now() > hold_until;
    }));
    EXPECT_TRUE(second.member.owned.empty());
    first.settle(handled);
    first.commit(topic);
    first.hand_over();
    ASSERT_TRUE(drive({&first.member, &second.member}, [&] { return second.member.owned.size() == partitions / 2; }));
    ASSERT_TRUE(drive({&first.member, &second.member}, [&] {
        for (auto* worker : {&first, &second}) {
            worker->take(topic, 10);
            worker->settle(handled);
        }
        return handled.size() == 1200;
    }));
    for (const auto& [where, times] : handled) EXPECT_EQ(times, 1) << where.first << "/" << where.second;
    EXPECT_EQ(first.member.lost, 0U);
    EXPECT_EQ(second.member.lost, 0U);
}

TEST(GroupMember, a_revoke_is_answered_when_the_last_of_its_partitions_is_released) {
    const auto topic = make_topic(4);
    const auto group = unique("group");
    Member first(group, {topic});
    ASSERT_TRUE(drive({&first}, [&] { return first.owned.size() == 4; }));
    Member second(group, {topic});
    ASSERT_TRUE(drive({&first, &second}, [&] { return first.revoking.size() == 2; }));
    const std::vector<TopicPartition> revoked(first.revoking.begin(), first.revoking.end());
    first.member->release({revoked[0]});
    first.member->release({revoked[0]});
    // Its commits still count for the one that it has not released.
    const auto answer = first.commit({{revoked[1], 3, ""}});
    EXPECT_EQ(answer.partitions.at(0).second, std::nullopt);
    EXPECT_TRUE(second.owned.empty());
    first.member->release({revoked[1]});
    EXPECT_TRUE(drive({&first, &second}, [&] { return second.owned.size() == 2; }));
}

TEST(GroupMember, one_that_stops_polling_loses_its_partitions_and_one_that_polls_keeps_its_own) {
    const auto topic = make_topic(2);
    const auto group = unique("group");
    constexpr std::chrono::milliseconds interval{6000};
    Member hung(group, {topic}, settings(), interval);
    Member busy(group, {topic}, settings(), interval);
    ASSERT_TRUE(drive({&hung, &busy}, [&] {
        hung.release_revoked();
        busy.release_revoked();
        return hung.owned.size() == 1 && busy.owned.size() == 1;
    }));
    const auto expect_kept = [&](const Member& member) {
        EXPECT_TRUE(member.lost == 0 || member.longest_pause() > interval / 2) << member.lost;
    };
    const auto stale = *hung.owned.begin();
    ASSERT_TRUE(drive({&busy}, [&] {
        busy.release_revoked();
        return busy.owned.contains(stale);
    }));
    expect_kept(busy);
    // Back again, it hears what it has lost, may not commit it, and joins anew.
    ASSERT_TRUE(drive({&hung, &busy}, [&] { return hung.lost == 1; }));
    ASSERT_TRUE(drive({&hung, &busy}, [&] {
        busy.release_revoked();
        return hung.owned.size() == 1 && busy.owned.size() == 1;
    }));
    expect_kept(busy);
}

TEST(GroupMember, a_member_that_was_removed_hears_so_from_its_commit_and_comes_back_when_it_has_released) {
    const auto topic = make_topic(2);
    const auto group = unique("group");
    constexpr std::chrono::milliseconds interval{6000};
    Member held(group, {topic}, settings(), interval);
    ASSERT_TRUE(drive({&held}, [&] { return held.owned.size() == 2; }));
    Member other(group, {topic}, settings(), interval);
    ASSERT_TRUE(drive({&held, &other}, [&] { return held.revoking.size() == 1; }));
    // Held for longer than the poll interval without a sign of life: others get all of it.
    ASSERT_TRUE(drive({&other}, [&] {
        other.release_revoked();
        return other.owned.size() == 2;
    }));
    const auto answer = held.commit({{*held.revoking.begin(), 1, ""}});
    EXPECT_TRUE(answer.unknown_member || held.lost > 0) << answer.partitions.at(0).second->message;
    EXPECT_NE(answer.partitions.at(0).second, std::nullopt);
    held.release_revoked();
    held.owned.clear();
    EXPECT_TRUE(drive({&held, &other}, [&] {
        other.release_revoked();
        held.release_revoked();
        return held.owned.size() == 1 && other.owned.size() == 1;
    }));
}

TEST(GroupMember, B5_a_missing_topic_is_named_and_its_partitions_come_soon_after_it_is_created) {
    const auto topic = unique("late");
    Member member(unique("group"), {topic});
    const auto missing = [&] {
        return std::ranges::any_of(member.troubles, [&](const ClientError& trouble) {
            return trouble.error.code == Error::Code::not_found &&
                   trouble.error.message.find(topic) != std::string::npos;
        });
    };
    ASSERT_TRUE(drive({&member}, missing));
    EXPECT_TRUE(std::ranges::none_of(member.troubles, &ClientError::fatal));
    must(admin().ensure_topics({{topic, 2, 1, {}}}));
    const auto created = std::chrono::steady_clock::now();
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 2; }));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - created);
    RecordProperty("milliseconds", static_cast<int>(took.count()));
}

TEST(GroupMember, partitions_that_are_added_are_assigned) {
    const auto topic = make_topic(1);
    Member member(unique("group"), {topic});
    ASSERT_TRUE(drive({&member}, [&] { return member.owned.size() == 1; }));
    must(admin().ensure_topics({{topic, 3, 1, {}}}));
    EXPECT_TRUE(drive({&member}, [&] {
        member.release_revoked();
        return member.owned.size() == 3;
    }));
}

TEST(GroupMember, brokers_that_are_down_are_a_trouble_and_not_fatal) {
    auto nobody = settings();
    nobody["bootstrap.servers"] = "127.0.0.1:1";
    Member member(unique("group"), {"topic"}, nobody);
    ASSERT_TRUE(drive({&member}, [&] { return !member.troubles.empty(); }));
    EXPECT_EQ(member.troubles.front().error.code, Error::Code::unavailable);
    EXPECT_FALSE(member.troubles.front().fatal);
    member.member->close();
    EXPECT_TRUE(drive({&member}, [&] { return member.closed; }));
}

}  // namespace
}  // namespace drover::kafka::test
