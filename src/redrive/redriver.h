// Produces dead letters' jobs again, each in one transaction with the mark that says so. Room: redrive.
//
// Of one queue there is one redriver at a time, in whatever process: the transactional id is the dead-letter topic's,
// and open() fences off whoever had it before. Then it writes a first word into the control topic; who has read up to
// there knows every letter that was ever redriven. From then on only this redriver can redrive any, so that none is
// redriven twice, whoever is killed when.
//
// Owner thread: one at a time. Calls block; `stopped` is asked about once a second, and ends them with `timeout`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/kafka/settings.h"
#include "src/kafka/transactional_producer.h"
#include "src/letters/redrive.h"

namespace drover::redrive {

struct Record {
    std::string topic;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<Field> headers;
    std::optional<int> partition = {};  // nothing: by its key
};

enum class WriteFault {
    refused,  // nothing was written; `record` is the first that could not be, where one is to blame
    lost,     // whether it was written is known after the next open(): another redriver came, or Kafka broke off
};
struct WriteError {
    WriteFault fault = WriteFault::lost;
    Error error;
    std::optional<std::size_t> record = {};
};

class Redriver {
public:
    struct Queue {
        std::string dead_letters, control;  // topics
        std::string group;                  // one that we may describe, where access is limited
    };
    Redriver(kafka::Settings kafka, Queue queue, std::function<bool()> stopped = nullptr);

    // Errors: `timeout`, `unavailable`: Kafka did not answer within `patience`; all else is Kafka's.
    Result<void> open(std::chrono::milliseconds patience);
    bool is_open() const { return producer_ != nullptr; }
    // Differs after each open(): what was known before it is old.
    std::uint64_t generation() const { return generation_; }

    // Of the queue's letters those that were redriven; read when first asked for, and kept up to date. Only when open.
    Result<const std::set<letters::LetterPlace>*> redriven(std::chrono::milliseconds patience);

    // All of these, or none. `marked`: the letters whose marks are among them. After `lost` it is not open.
    tl::expected<void, WriteError> write(const std::vector<Record>& records,
                                         const std::vector<letters::LetterPlace>& marked);

private:
    using Clock = std::chrono::steady_clock;
    bool gives_up(Clock::time_point until) const;
    Result<void> try_open(Clock::time_point until);
    kafka::TransactionResult<std::vector<kafka::Acknowledged>> attempt(const std::vector<Record>& records,
                                                                       std::optional<Clock::time_point> until);
    bool aborted();

    const kafka::Settings kafka_;
    const Queue queue_;
    const std::function<bool()> stopped_;
    std::unique_ptr<kafka::TransactionalProducer> producer_;  // null: not open
    std::uint64_t generation_ = 0;
    std::set<letters::LetterPlace> redriven_;
    std::int64_t first_word_ = 0;  // its offset in the control topic
    std::int64_t read_to_ = -1;    // of the control topic, all before it; negative: nothing
};

// The same set without taking over: it may be old at once.
Result<std::set<letters::LetterPlace>> read_redriven(const kafka::Settings& kafka, const Redriver::Queue& queue,
                                                     std::chrono::milliseconds patience,
                                                     const std::function<bool()>& stopped);

// A letter's job as it comes again, and the mark of each of `places`. `by` is for people.
std::vector<Record> redriven_records(const letters::LetterRecord& letter, const letters::RedrivenJob& job,
                                     const Redriver::Queue& queue, const std::vector<letters::LetterPlace>& places,
                                     const std::string& by, Time now);

}  // namespace drover::redrive
