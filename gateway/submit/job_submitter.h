// Records on their way to Kafka. Room: gateway/submit. Owner thread: the loop; nothing blocks, but the destructor (5
// s).
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/kafka/producer.h"

namespace drover::gateway {

struct Outgoing {
    std::string topic;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<Field> headers;
};

struct Accepted {
    bool spooled = false;
};

class JobSubmitter {
public:
    using Done = std::function<void(Result<Accepted>)>;

    static Result<std::unique_ptr<JobSubmitter>> create(boost::asio::io_context& io, const kafka::Settings& settings);
    ~JobSubmitter();

    // `done` is called once, later.
    void submit(Outgoing record, Done done);

private:
    explicit JobSubmitter(boost::asio::io_context& io);
    void wait();
    void turn();

    kafka::Wakeup wakeup_;
    boost::asio::posix::stream_descriptor ready_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<kafka::Producer> producer_;
    std::unordered_map<std::uint64_t, Done> waiting_;
    std::uint64_t next_token_ = 1;
};

}  // namespace drover::gateway
