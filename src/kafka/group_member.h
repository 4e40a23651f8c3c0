// Membership in a consumer group: which partitions are ours, and the offsets we commit. It reads no records.
// Room: kafka. Classic protocol, cooperative-sticky, dynamic members that leave at once.
//
// A revoke is an event that waits for its answer: until release() is called for all of its partitions they stay
// assigned, heartbeats go on, and commits are accepted; the limit is max_poll_interval.
//
// Owner thread: all calls from one thread. Nothing blocks; results come out of poll().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/base/result.h"
#include "src/kafka/settings.h"
#include "src/kafka/wakeup.h"

namespace drover::kafka {

struct GroupOptions {
    std::string group;
    std::vector<std::string> topics;
    std::chrono::milliseconds session_timeout{6000};
    std::chrono::milliseconds heartbeat_interval{300};
    std::chrono::milliseconds max_poll_interval{90'000};  // the job timeout and 60 s
};

struct Position {  // what is to be committed, or was read
    TopicPartition partition;
    std::int64_t offset = 0;
    std::string metadata;  // at most 4,096 bytes, UTF-8
};

namespace group_event {
struct Assigned {  // these, besides those that are ours already; none: there are enough members without us
    std::vector<TopicPartition> partitions;
};
struct Revoking {  // finish what is in flight, commit, then release() them
    std::vector<TopicPartition> partitions;
};
struct Lost {  // already somebody else's: drop at once; nothing to release, commits would fail
    std::vector<TopicPartition> partitions;
};
struct Committed {  // the answer to one commit(): an error per partition, or none
    std::vector<std::pair<TopicPartition, std::optional<Error>>> partitions;
    // True when the group no longer knows this member (UNKNOWN_MEMBER_ID): all that it holds is lost. It joins anew by
    // itself, after the release() of what is Revoking.
    bool unknown_member = false;
};
struct Positions {  // the answer to read_positions(): nothing where the group has no offset
    std::vector<std::pair<TopicPartition, Result<std::optional<Position>>>> partitions;
};
struct Trouble {  // topics missing, authorisation refused, brokers down, …; retried by itself unless fatal
    ClientError error;
};
struct Closed {};  // has left the group
}  // namespace group_event

using GroupEvent = std::variant<group_event::Assigned, group_event::Revoking, group_event::Lost, group_event::Committed,
                                group_event::Positions, group_event::Trouble, group_event::Closed>;

class GroupMember {
public:
    static Result<std::unique_ptr<GroupMember>> join(const Settings& settings, const GroupOptions& options,
                                                     Wakeup& wakeup);
    // Without a close() before, leaves the group here, giving up what it holds; waits for the broker's answer.
    virtual ~GroupMember() = default;

    // What happened since the last call, oldest first. Call it when woken and at least every 100 ms: librdkafka
    // counts it as the sign of life that max_poll_interval asks for.
    virtual std::vector<GroupEvent> poll() = 0;

    // Some or all partitions of the pending Revoking event; the last one of them answers the event.
    virtual void release(const std::vector<TopicPartition>& partitions) = 0;

    // Asynchronous; a Committed event follows for each call. During a rebalance commits may fail as retryable
    // `conflict`: again at the next turn. Metadata over 4,096 bytes fails its partition, and that one only.
    virtual void commit(const std::vector<Position>& positions) = 0;

    // Asks for the committed positions and their metadata; a Positions event follows for each call, in any order.
    virtual void read_positions(const std::vector<TopicPartition>& partitions) = 0;

    // Leaves the group; Revoking (to be answered) and then Closed follow.
    virtual void close() = 0;
};

}  // namespace drover::kafka
