// Creates the queues' topics, then reads how much there is to do, and who is paused, every half second. Room: cli.
//
// It has a thread of its own, since Admin blocks; everything it finds is posted to `io`, whose thread owns the object.
// The destructor waits for a call that is under way, at most 5 s.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "src/lag/control_follower.h"
#include "src/lag/queue_offsets.h"
#include "src/base/result.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/workers_record.h"
#include "src/kafka/admin.h"

namespace drover::cli {

class LagReader {
public:
    struct Look {
        std::chrono::steady_clock::time_point began;
        Result<std::vector<jobqueue::QueueFigures>> figures;  // in the order of the queues
    };
    struct Listener {
        std::function<void(int brokers)> topics_ready;  // once
        std::function<void(const Error&)> waiting;      // why the topics are not ready yet; it goes on trying
        std::function<void(const Look&)> looked;
    };

    // `announce`: gateways are told of the queues, and find their topics.
    LagReader(boost::asio::io_context& io, kafka::Settings settings, std::vector<jobqueue::JobQueue> queues,
              bool announce, Listener listener);
    ~LagReader();

    // Gateways are told how the workers of a queue do, soon, each change of them; of many that Kafka did not take the
    // latest. Where they are not told of queues, nothing happens.
    void tell(const jobqueue::JobQueue& queue, const jobqueue::WorkersRecord& workers);
    // The thread ends after the call that is under way; `ended` is called then. Kafka should be there until then.
    void stop(std::function<void()> ended);

private:
    void run(const std::stop_token& stop);
    Result<int> prepare(const std::stop_token& stop);
    Result<void> announce(const std::stop_token& stop);
    Result<void> write(const std::vector<jobqueue::ControlMessage>& records, const std::stop_token& stop);
    void write_news(const std::stop_token& stop);
    void keep_latest_news();  // with the lock
    Result<std::vector<jobqueue::QueueFigures>> look();
    Result<jobqueue::QueueFigures> look_at(const jobqueue::JobQueue& queue, lag::QueueOffsets offsets);
    bool pause(const std::stop_token& stop);  // false when told to stop

    boost::asio::io_context& io_;
    const kafka::Settings settings_;
    const std::vector<jobqueue::JobQueue> queues_;
    const bool announces_;
    const Listener listener_;
    std::unique_ptr<kafka::Admin> admin_;  // of the thread, as the next ones
    std::unique_ptr<lag::ControlFollower> control_;
    std::vector<kafka::TopicPartition> partitions_;
    std::mutex mutex_;
    std::vector<jobqueue::ControlMessage> news_;  // with the lock: records of drover.gateway, the oldest first
    std::function<void()> ended_;                 // with the lock
    std::condition_variable_any changed_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace drover::cli
