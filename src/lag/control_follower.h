// Follows queues' control topics: who pauses them, and the configuration that their sidecars have. Nothing is fetched
// but what is new. Room: lag. Owner thread: one, which read() blocks.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/control.h"
#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"

namespace drover::lag {

class ControlFollower {
public:
    using Ends = std::map<kafka::TopicPartition, kafka::PartitionOffsets>;

    // `topics`: about how many there will be. `group`: one that we may describe, where access is limited.
    static Result<std::unique_ptr<ControlFollower>> create(const kafka::Settings& settings, int topics,
                                                           const std::string& group);

    // From its beginning. Twice is once.
    void follow(const std::string& topic) { topics_.try_emplace(topic); }
    void forget(const std::string& topic) { topics_.erase(topic); }

    // Until everything below these ends has been read, of the topics that are followed. Error: `timeout` after
    // `patience`, with Kafka's trouble.
    Result<void> read(const Ends& ends, std::chrono::milliseconds patience);

    // Of its pauses and its configuration. Null where the topic is not followed.
    const jobqueue::ControlState* state(const std::string& topic) const;

private:
    struct Topic {
        jobqueue::ControlState state;
        std::int64_t next = kafka::Fetcher::earliest;  // everything before it has been read
    };
    // What a read() is after.
    struct Stretch {
        Topic& topic;
        std::int64_t end;
    };
    using Stretches = std::map<kafka::Fetcher::Id, Stretch>;

    Result<Stretches> begin(const Ends& ends);
    void take(Stretches& stretches);
    bool has_read(const Stretches& stretches) const;

    kafka::Wakeup wakeup_;
    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::optional<kafka::LogReader> log_;
    std::map<std::string, Topic> topics_;
    kafka::Fetcher::Id next_id_ = 0;
    std::vector<kafka::Fetcher::Id> ready_;
    std::vector<kafka::Record> records_;
    std::string trouble_;  // the last
};

}  // namespace drover::lag
