// The gateway: jobs come in, people ask where they stand, and queues are managed. Room: gateway.
//
// One thread, the loop of `io`, owns everything here. What has to block has threads of its own and posts its answers:
// the view of jobs (view_feeder.h, view_readers.h), the look at queues (queue_monitor.h), the making of topics.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstdint>
#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "gateway/settings.h"
#include "src/base/result.h"

namespace drover::gateway {

class Gateway {
public:
    // Listens at once; is ready when it has read what queues there are. `invalid`: the settings are wrong.
    static Result<std::unique_ptr<Gateway>> start(boost::asio::io_context& io, GatewaySettings settings);
    virtual ~Gateway() = default;

    virtual std::uint16_t port() const = 0;
    // Once. Takes no more requests, finishes those that it has, then calls `stopped`.
    virtual void stop(std::function<void()> stopped) = 0;
};

// The program: until SIGTERM. The exit code: 0, 1 where it could not start, 2 for wrong settings.
int run_gateway(const GatewaySettings& settings);

}  // namespace drover::gateway
