// The sidecar's two ports. Room: sidecar. Owner thread: the loop.
//
//   app face, loopback only:  POST /v1/queues/{queue}/jobs     further jobs, from the worker
//   probe face, pod address:  GET /healthz /readyz /metrics /stats, GET or POST /drain (with the token, if there is
//   one)
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "sidecar/sidecar.h"
#include "src/http/server.h"

namespace drover::sidecar {

Result<std::unique_ptr<http::Server>> listen_to_app(boost::asio::io_context& io, Sidecar& sidecar);

// `/drain` answers when the sidecar has finished and left its groups, with its final statistics.
Result<std::unique_ptr<http::Server>> listen_to_probes(boost::asio::io_context& io, Sidecar& sidecar);

}  // namespace drover::sidecar
