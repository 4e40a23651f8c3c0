// Reads drover.gateway, all of it and then what comes, on the gateway's loop. Room: gateway.
// Owner thread: the loop. Nothing blocks, but the destructor (up to about a second).
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "src/base/result.h"
#include "src/kafka/log_reader.h"

namespace drover::gateway {

class GatewayLog {
public:
    class Listener {
    public:
        virtual void log_record(std::string_view key, std::optional<std::string_view> value, Time at) = 0;
        // After the records that came together. `caught_up`: all that was there at the start has been read.
        virtual void log_read(bool caught_up) = 0;

    protected:
        ~Listener() = default;
    };

    // The topic exists. `listener` outlives it.
    static Result<std::unique_ptr<GatewayLog>> open(boost::asio::io_context& io, const kafka::Settings& settings,
                                                    Listener& listener);
    ~GatewayLog();
    GatewayLog(const GatewayLog&) = delete;
    GatewayLog& operator=(const GatewayLog&) = delete;

    const std::string& trouble() const { return trouble_; }  // "": none

private:
    GatewayLog(boost::asio::io_context& io, Listener& listener);
    void wait();
    void turn();

    Listener& listener_;
    kafka::Wakeup wakeup_;
    boost::asio::posix::stream_descriptor ready_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::optional<kafka::LogReader> log_;
    std::vector<kafka::Fetcher::Id> readable_;
    std::vector<kafka::Record> records_;
    std::string trouble_;
};

}  // namespace drover::gateway
