// Reads partitions as a log: from their beginning, or from a given offset, to the end that they have by then, and what
// comes after it. For topics that say something as a whole, like a control topic. Room: kafka.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/kafka/admin.h"
#include "src/kafka/fetcher.h"

namespace drover::kafka {

// Over a fetcher that may have other partitions too: of ready(), the ids that it reads() are its own.
// Owner thread: the fetcher's. Nothing blocks. Goes before the fetcher.
class LogReader {
public:
    explicit LogReader(Fetcher& fetcher) : fetcher_(fetcher) {}

    // As Fetcher::start(). What does not exist any more is skipped: reading goes on at the first record that does.
    Result<void> start(Fetcher::Id id, const TopicPartition& partition, std::int64_t offset = Fetcher::earliest);
    void stop(Fetcher::Id id);
    bool reads(Fetcher::Id id) const { return logs_.contains(id); }

    // Appends at most about `max` records of this partition, oldest first. True when there may be more: ask again.
    bool take(Fetcher::Id id, std::size_t max, std::vector<Record>& out);

    // The offset that comes next, past transaction markers; Fetcher::earliest while nothing is known.
    std::int64_t position(Fetcher::Id id) const;
    // Each partition has been read to the end that it had then. Stays true, but where one is started anew.
    bool caught_up() const;

    // What kept partitions from being read since the last call. librdkafka tries on.
    std::vector<Error> troubles();

private:
    struct Log {
        std::int64_t position = Fetcher::earliest;
        bool caught_up = false;
    };

    Fetcher& fetcher_;
    std::map<Fetcher::Id, Log> logs_;
    std::vector<Fetcher::Fetched> fetched_;
    std::vector<Error> troubles_;
};

struct LogReading {
    std::chrono::milliseconds patience = std::chrono::seconds(30);  // without anything from Kafka
    std::string group = "drover.fetcher";                           // as in FetcherOptions
    std::map<TopicPartition, std::int64_t> from;                    // where not from the beginning
    std::function<bool()> stopped;  // asked whenever something came or a signal was caught; null: never
};

// For the command line: blocks until `each` has had every record of the topics up to the ends that they have at the
// call, the records of each partition in order. A record lives as long as the call of `each`.
// Errors: `not_found` names a missing topic; `timeout` says what Kafka's trouble was; all else is Kafka's.
Result<void> read_log(const Settings& settings, Admin& admin, const std::vector<std::string>& topics,
                      const LogReading& reading, const std::function<void(const Record&)>& each);

}  // namespace drover::kafka
