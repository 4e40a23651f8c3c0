// Topics, offsets and lag. Room: kafka. Every call blocks, at most `timeout`: for command line, runner and operator,
// never on the sidecar's loop. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/kafka/group_member.h"
#include "src/kafka/settings.h"

namespace drover::kafka {

struct TopicSpec {
    std::string topic;
    int partitions = 1;
    int replication_factor = 1;
    std::map<std::string, std::string> config;
};

struct PartitionOffsets {
    std::int64_t start = 0;  // the first that exists
    std::int64_t end = 0;    // the last stable offset: one past the last that a reader gets
};

class Admin {
public:
    static Result<std::unique_ptr<Admin>> connect(const Settings& settings, std::chrono::milliseconds timeout);
    virtual ~Admin() = default;

    virtual Result<int> broker_count() = 0;
    // Partitions of each topic; a missing topic is not in the map. Topics that we may not see are an `unauthorized`.
    virtual Result<std::map<std::string, int>> topics(const std::vector<std::string>& names) = 0;
    // Partitions of these topics that nobody can read or write now. As the brokers see it: where the others
    // lead is known anew by this too, so that what went to a broker that is gone goes to its successor.
    virtual Result<std::vector<TopicPartition>> without_leader(const std::vector<std::string>& names) = 0;
    // Creates those that are missing and adds partitions where there are fewer; leaves everything else as it is.
    // Returns when the brokers show them.
    virtual Result<void> ensure_topics(const std::vector<TopicSpec>& specs) = 0;
    // Those that do not exist are well. Returns when the brokers no longer show them.
    virtual Result<void> delete_topics(const std::vector<std::string>& names) = 0;

    // Both: partitions that do not exist are not in the map.
    virtual Result<std::map<TopicPartition, PartitionOffsets>> offsets(
        const std::vector<TopicPartition>& partitions) = 0;
    // The first offset whose timestamp is at or after `time`; the end where there is none.
    virtual Result<std::map<TopicPartition, std::int64_t>> offsets_at(const std::vector<TopicPartition>& partitions,
                                                                      Time time) = 0;
    // What a group committed, metadata included. Partitions without a commit are absent.
    using Positions = std::map<TopicPartition, Position>;
    virtual Result<Positions> group_positions(const std::string& group) = 0;
    // Of several groups, asked for at the same time.
    virtual Result<std::map<std::string, Positions>> group_positions(const std::vector<std::string>& groups) = 0;
    // Of a group without members; else a `conflict`.
    virtual Result<void> set_group_positions(const std::string& group, const std::vector<Position>& positions) = 0;
    // Below the start there is nothing to do; past the end is `invalid`, and nothing of that partition is deleted.
    virtual Result<void> delete_records(const std::map<TopicPartition, std::int64_t>& before) = 0;
};

}  // namespace drover::kafka
