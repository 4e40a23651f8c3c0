// A producer for commands, which may wait for it. Room: cli. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "src/kafka/producer.h"

namespace drover::cli {

class RecordWriter {
public:
    // Gives up on a record after half a minute, unless the settings say otherwise: somebody is waiting. What is under
    // way at its end is given up, too.
    static Result<std::unique_ptr<RecordWriter>> create(kafka::Settings settings);

    // As Producer::produce(). A full queue is a retryable error: wait_some(), then again.
    Result<void> produce(const kafka::Message& message, std::uint64_t token) {
        return producer_->produce(message, token);
    }
    // Deliveries since the last call; where there are none, waits for some, for at most `time`, or until a signal.
    std::vector<kafka::Delivery> wait_some(std::chrono::milliseconds time = std::chrono::milliseconds(100));
    std::size_t in_flight() const { return producer_->in_flight(); }
    // A delivery's error, and what librdkafka's last trouble with the brokers was.
    Error explained(Error error) const;

private:
    RecordWriter() = default;
    std::vector<kafka::Delivery> poll();

    kafka::Wakeup wakeup_;
    std::unique_ptr<kafka::Producer> producer_;
    std::string trouble_;
};

}  // namespace drover::cli
