// Submits the jobs of one source to one topic, many at a time. Room: cli. Owner thread: that of `io`.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cli/job_source.h"
#include "src/base/field.h"
#include "src/kafka/producer.h"

namespace drover::cli {

class Submitter {
public:
    struct Order {
        std::string topic;
        JobSource jobs;
        std::vector<Field> headers;  // added to each job's own
    };
    struct Outcome {
        std::uint64_t acknowledged = 0;
        std::uint64_t failed = 0;
        std::optional<Error> first_error;
        std::string last_id;
        std::chrono::duration<double> time{0};
    };

    // `done` comes once, when every job is acknowledged or has failed.
    static Result<std::unique_ptr<Submitter>> start(boost::asio::io_context& io, const kafka::Settings& settings,
                                                    Order order, std::function<void(const Outcome&)> done);
    ~Submitter();
    Submitter(const Submitter&) = delete;
    Submitter& operator=(const Submitter&) = delete;

    const Outcome& so_far() const { return outcome_; }

private:
    Submitter(boost::asio::io_context& io, Order order, std::function<void(const Outcome&)> done);
    void wait();
    void turn();
    void produce_some();
    bool produce(jobqueue::Submission& job);  // false: later
    void failed(const Error& error);

    Order order_;
    std::function<void(const Outcome&)> done_;
    kafka::Wakeup wakeup_;
    boost::asio::posix::stream_descriptor ready_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<kafka::Producer> producer_;
    std::optional<jobqueue::Submission> held_;  // found no room
    std::mt19937_64 random_;
    std::chrono::steady_clock::time_point began_;
    bool at_end_ = false;
    std::string trouble_;  // of the producer, the last one: why deliveries fail
    Outcome outcome_;
};

}  // namespace drover::cli
