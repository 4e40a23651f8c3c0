// Follows the queues' control topics for who pauses them. Room: cli. Owner thread: one, which read() blocks.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/control.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"

namespace drover::cli {

class PauseReader {
public:
    // The topics exist.
    static Result<std::unique_ptr<PauseReader>> create(const kafka::Settings& settings,
                                                       const std::vector<jobqueue::JobQueue>& queues);

    // Whether each queue is paused, in their order, once everything below these ends has been read.
    // Error: `timeout` after `patience`.
    Result<std::vector<bool>> read(const std::map<kafka::TopicPartition, kafka::PartitionOffsets>& ends,
                                   std::chrono::milliseconds patience);

private:
    struct Queue {
        kafka::TopicPartition control;
        jobqueue::ControlState state;  // of its pauses only
    };

    void take();
    bool has_read(const std::map<kafka::TopicPartition, kafka::PartitionOffsets>& ends) const;

    kafka::Wakeup wakeup_;
    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::optional<kafka::LogReader> log_;  // its ids are places in queues_
    std::vector<Queue> queues_;
    std::vector<kafka::Fetcher::Id> ready_;
    std::vector<kafka::Record> records_;
    std::string trouble_;  // the last
};

}  // namespace drover::cli
