// Redrives dead letters for a command: in batches, within a rate, until somebody stops it. Room: cli. One thread; every
// call may block.
//
// Each batch is one transaction of jobs and marks (src/redrive/redriver.h): however it ends, a letter is redriven once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/letters/redrive.h"
#include "src/redrive/redriver.h"

namespace drover::cli {

class LetterSender {
public:
    struct Order {
        redrive::Redriver::Queue queue;
        std::string by;
        std::optional<double> per_second;
        std::function<bool()> stopped;               // asked before each job and while it waits for its turn
        std::function<void(std::int64_t)> progress;  // jobs so far, every few seconds
    };
    struct Outcome {
        std::int64_t jobs = 0;       // that Kafka has
        std::int64_t failed = 0;     // jobs that it does not have
        std::int64_t meanwhile = 0;  // letters that somebody else redrove
        std::optional<Error> first_error;
        std::vector<std::pair<std::string, Error>> too_large;  // jobs that their topic does not take; others may go
    };

    static Result<std::unique_ptr<LetterSender>> create(const kafka::Settings& settings, Order order);

    // `others`: letters that stand for the same job. False: it was stopped, or Kafka refused something, and there is no
    // use in going on.
    bool send(const letters::LetterRecord& record, const letters::RedrivenJob& job,
              const std::vector<letters::LetterPlace>& others);
    // Writes what is left.
    Outcome finish();

private:
    using Clock = std::chrono::steady_clock;
    struct Job {
        std::string id;
        std::vector<letters::LetterPlace> places;
        std::vector<redrive::Record> records;
    };

    LetterSender(const kafka::Settings& settings, Order order);
    bool wait_for_turn();
    void flush();
    Result<void> take_over();
    void report_progress();

    Order order_;
    redrive::Redriver redriver_;
    const std::set<letters::LetterPlace>* redriven_ = nullptr;
    std::vector<Job> batch_;
    std::size_t batch_bytes_ = 0;
    Outcome outcome_;
    Clock::time_point next_at_ = Clock::now(), reported_at_ = Clock::now(), flushed_at_ = Clock::now();
};

}  // namespace drover::cli
