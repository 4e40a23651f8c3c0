// Produces dead letters' jobs again, and marks each in the control topic once Kafka has it. Room: cli. One thread;
// every call may block.
//
// A letter whose job was acknowledged and whose mark was not, since this process died or Kafka went away, is redriven
// again by the next redrive: as the same run of the same job, so that it can be recognised as a repetition. None is
// lost: nothing is ever deleted from the dead letters.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cli/record_writer.h"
#include "cli/redrive.h"

namespace drover::cli {

class Redriver {
public:
    struct Order {
        std::string dead_letters, control;  // topics
        std::string by;
        std::optional<double> per_second;
        std::function<bool()> stopped;               // asked before each job and while it waits for its turn
        std::function<void(std::int64_t)> progress;  // jobs so far, every few seconds
    };
    struct Outcome {
        std::int64_t jobs = 0;      // that Kafka has
        std::int64_t failed = 0;    // jobs that it does not have
        std::int64_t unmarked = 0;  // letters whose job it has, but a next redrive will do it again
        std::optional<Error> first_error;
        std::vector<std::pair<std::string, Error>> too_large;  // jobs that their topic does not take; others may go
    };

    static Result<std::unique_ptr<Redriver>> create(const kafka::Settings& settings, Order order);

    // False: it was stopped, or Kafka refused something, and there is no use in going on.
    bool send(const LetterRecord& record, const RedrivenJob& job, const std::string& job_run);
    // Waits for everything that is under way.
    Outcome finish();

private:
    // One run of one job; several letters may stand for it.
    struct Sent {
        std::string id, topic;
        int run = 1;
        bool acknowledged = false;
        std::vector<LetterPlace> letters;  // not marked yet
    };
    using Clock = std::chrono::steady_clock;

    explicit Redriver(Order order) : order_(std::move(order)) {}
    bool wait_for_turn();
    void take(std::chrono::milliseconds time);
    void job_delivered(const std::string& job_run, const Result<kafka::Acknowledged>& outcome);
    void mark(Sent& sent);
    void mark_failed(const Error& error);
    Result<void> produce(const kafka::Message& message, std::uint64_t token);
    void report_progress();

    Order order_;
    std::unique_ptr<RecordWriter> writer_;
    std::unordered_map<std::string, Sent> sent_;           // by run of a job
    std::unordered_map<std::uint64_t, std::string> jobs_;  // under way: token to run of a job. All others are marks
    std::uint64_t next_token_ = 1;
    Outcome outcome_;
    Clock::time_point next_at_ = Clock::now(), reported_at_ = Clock::now();
};

}  // namespace drover::cli
