// Writes records of topics that say something as a whole, and waits for them. Room: operator. Owner thread: one, which
// write() blocks.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/jobqueue/control.h"
#include "src/kafka/producer.h"

namespace drover::operators {

class ControlWriter {
public:
    static Result<std::unique_ptr<ControlWriter>> create(const kafka::Settings& settings);

    // Returns when all are acknowledged. An Error is that of the first that was not; `timeout` after `patience`, when
    // some may still be written. Each has these headers.
    Result<void> write(const std::string& topic, const std::vector<jobqueue::ControlMessage>& messages,
                       std::span<const Field> headers, std::chrono::milliseconds patience);

private:
    kafka::Wakeup wakeup_;
    std::unique_ptr<kafka::Producer> producer_;
    std::uint64_t next_token_ = 0;
};

}  // namespace drover::operators
