// Records of partitions that somebody else decided we own. Room: kafka.
//
// The group member (group_member.h) holds the assignment; the fetcher reads with a manual one, since librdkafka stops
// all fetching of a consumer while one of its rebalances waits for its answer, and ours wait for jobs in flight. Each
// partition has a queue of its own: not taking from it is the back-pressure, and no other partition notices.
//
// Owner thread: all calls from one thread. Nothing blocks, except the destructor (up to about a second).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/base/result.h"
#include "src/kafka/record.h"
#include "src/kafka/settings.h"
#include "src/kafka/wakeup.h"

namespace drover::kafka {

struct FetcherOptions {
    std::size_t queued_bytes = 8 * 1024 * 1024;  // prefetched bytes over all partitions, roughly
    int expected_partitions = 12;                // among which they are divided
    bool read_committed = true;
    // So long a fetch waits at a broker that has nothing; and a partition that was full, or was just started, for a
    // fetch that it is not in.
    std::chrono::milliseconds longest_wait{100};
    std::string group = "drover.fetcher";  // never joined; where access is limited, one that we may describe
};

class Fetcher {
public:
    using Id = std::uint32_t;  // the caller's number for one assignment of one partition

    struct ReachedEnd {  // nothing unread before `offset`, the end past transaction markers
        std::int64_t offset;
    };
    struct OffsetOutOfRange {  // the offset to read does not exist (any more): start() again elsewhere
        std::string message;
    };
    struct Failed {  // this partition only, e.g. missing topic, reading refused; librdkafka tries on
        Error error;
    };
    using Fetched = std::variant<Record, ReachedEnd, OffsetOutOfRange, Failed>;

    static constexpr std::int64_t earliest = -2;

    static Result<std::unique_ptr<Fetcher>> create(const Settings& settings, const FetcherOptions& options,
                                                   Wakeup& wakeup);
    virtual ~Fetcher() = default;

    // Reads `partition` from `offset` on. `id` is new, or one that was stopped.
    virtual Result<void> start(Id id, const TopicPartition& partition, std::int64_t offset) = 0;
    // Reads a started partition from another offset on; what was prefetched is dropped.
    virtual Result<void> seek(Id id, std::int64_t offset) = 0;
    virtual void stop(Id id) = 0;

    // Appends at most `max` things of this partition to `out`, oldest first. True when there may be more: ask again.
    // False: it will be among ready() when there is.
    virtual bool take(Id id, std::size_t max, std::vector<Fetched>& out) = 0;

    // The started partitions at which something arrived since the last call; appended to `out`.
    virtual void ready(std::vector<Id>& out) = 0;

    // The partition's end, as the last answer of its broker had it; nothing before the first one.
    virtual std::optional<std::int64_t> end(Id id) const = 0;

    // Trouble of the client itself since the last call. Call it at least once a second: it serves librdkafka too.
    virtual std::vector<ClientError> serve() = 0;
};

}  // namespace drover::kafka
