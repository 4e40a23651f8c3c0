// One GET to a port of this machine, over a connection of its own, given up at its deadline. Room: http.
// Owner thread: the one that runs `io`.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "src/base/result.h"

namespace drover::http {

// `done` comes once, never from within the call, with the body of a 200; any other status is an `unavailable` Error.
// Bodies of up to 1 MiB.
void local_get(boost::asio::io_context& io, std::uint16_t port, const std::string& target,
               std::chrono::milliseconds deadline, std::function<void(Result<std::string>)> done);

}  // namespace drover::http
