// Reads all partitions of the events topic and gathers what comes into batches for JobView::apply(). Room:
// gateway/view.
//
// One thread. start() and look_for_partitions() block, at most 5 s; the rest does not.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/view/job_view.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/kafka/admin.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/wakeup.h"

namespace drover::gateway {

class EventReader {
public:
    struct Options {
        kafka::Settings kafka;
        std::string topic, group;
    };
    // `wakeup` is notified when something has come, and outlives the reader.
    static Result<std::unique_ptr<EventReader>> create(Options options, kafka::Wakeup& wakeup);

    // Reads each partition from where `positions` says, or from its beginning. `conflict`: the topic does not have what
    // comes next, so the view is to be emptied. `not_found`: there is no such topic.
    Result<void> start(const EventPositions& positions);
    // Whether the topic has got more partitions since: start again.
    Result<bool> has_new_partitions();

    // Takes what has come, until the batch has `most` events. The batch lives until clear(). `conflict` as for start().
    Result<void> gather(std::size_t most);
    EventBatch batch() const { return {.events = events_, .from = from_, .to = to_}; }
    bool is_empty() const { return from_ == to_; }
    bool has_more() const { return !ready_.empty(); }
    void clear();

    // Each partition was read to the end that it had then.
    bool caught_up() const { return behind_.empty(); }
    std::uint64_t skipped() const { return skipped_; }  // records that are no events, so far
    Time latest() const { return latest_; }             // when the newest event of the batch happened
    // What keeps Kafka's client from reading; "": nothing.
    const std::string& trouble() const { return trouble_; }

private:
    EventReader(Options options, std::unique_ptr<kafka::Admin> admin, kafka::Wakeup& wakeup);

    Result<std::vector<kafka::TopicPartition>> partitions();
    void take(kafka::Record record);
    void skip(const kafka::Record& record, const Error& error);

    const Options options_;
    kafka::Wakeup& wakeup_;
    const std::unique_ptr<kafka::Admin> admin_;
    std::unique_ptr<kafka::Fetcher> fetcher_;  // its ids are the partitions
    std::size_t partition_count_ = 0;
    std::set<int> behind_;
    std::set<kafka::Fetcher::Id> ready_;
    std::vector<kafka::Fetcher::Fetched> fetched_;

    std::vector<PlacedEvent> events_;  // borrow the next two
    std::vector<kafka::Record> records_;
    std::deque<std::string> texts_;
    EventPositions from_, to_;
    Time latest_{};
    std::uint64_t skipped_ = 0;
    std::chrono::steady_clock::time_point skip_told_at_{};
    std::string trouble_;
};

}  // namespace drover::gateway
