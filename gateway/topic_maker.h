// Makes the topics that gateways share, as soon as Kafka is there. Room: gateway.
// A thread of its own; the destructor waits for a call that is under way, at most 5 s.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <boost/asio/any_io_executor.hpp>

#include "src/base/result.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

class TopicMaker {
public:
    // Called after each try, on `owner`, and not after the destructor; no more once it was done.
    using Tried = std::function<void(const Result<void>&)>;
    TopicMaker(kafka::Settings settings, boost::asio::any_io_executor owner, Tried tried);

private:
    void run(const std::stop_token& stop);
    Result<void> make() const;

    const kafka::Settings settings_;
    const boost::asio::any_io_executor owner_;
    const std::shared_ptr<Tried> tried_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace drover::gateway
