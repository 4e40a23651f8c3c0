#include "cli/run/ports.h"

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace drover::cli {
namespace {

constexpr std::uint16_t worker_distance = 500;
constexpr int tries = 1000;

}  // namespace

bool is_port_free(std::uint16_t port) {
    using boost::asio::ip::tcp;
    boost::asio::io_context io;
    // On every address: the sidecar's second port listens there, and a loopback listener forbids it.
    tcp::acceptor acceptor(io);
    boost::system::error_code error;
    acceptor.open(tcp::v4(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind({boost::asio::ip::address_v4::any(), port}, error);
    if (!error) acceptor.listen(1, error);
    return !error;
}

bool PortPool::is_free(std::uint16_t port) const { return !taken_.contains(port) && is_port_free(port); }

Result<PortPool::Ports> PortPool::take() {
    for (int i = 0; i < tries; ++i) {
        const int app = first_sidecar_ + 2 * i, worker = first_sidecar_ + worker_distance + i;
        if (worker > 65535 || app + 1 > 65535) break;
        const auto port = [](int number) { return static_cast<std::uint16_t>(number); };
        if (!is_free(port(app)) || !is_free(port(app + 1)) || !is_free(port(worker))) continue;
        const Ports ports{port(app), port(app + 1), port(worker)};
        taken_.insert({ports.app, ports.probe, ports.worker});
        return ports;
    }
    return failure(Error::Code::unavailable,
                   "no free ports from " + std::to_string(first_sidecar_) + " on; see --port-base", true);
}

void PortPool::give_back(const Ports& ports) {
    for (const std::uint16_t port : {ports.app, ports.probe, ports.worker}) taken_.erase(port);
}

Result<std::uint16_t> free_port_from(std::uint16_t first) {
    for (int i = 0; i < tries && first + i <= 65535; ++i) {
        if (is_port_free(static_cast<std::uint16_t>(first + i))) return static_cast<std::uint16_t>(first + i);
    }
    return failure(Error::Code::unavailable, "no free port from " + std::to_string(first) + " on");
}

}  // namespace drover::cli
