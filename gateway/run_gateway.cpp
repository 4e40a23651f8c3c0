#include <csignal>

#include <boost/asio/signal_set.hpp>

#include "gateway/gateway.h"
#include "src/telemetry/log.h"

namespace drover::gateway {

int run_gateway(const GatewaySettings& settings) {
    boost::asio::io_context io(1);
    Result<std::unique_ptr<Gateway>> gateway = Gateway::start(io, settings);
    if (!gateway) {
        log::error("the gateway cannot start", {{"error", gateway.error().message}});
        return gateway.error().code == Error::Code::invalid ? 2 : 1;
    }
    log::info("gateway started", {{"address", settings.address}, {"port", (*gateway)->port()}});
    int code = 1;
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code error, int) {
        if (error) return;
        log::info("stopping");
        (*gateway)->stop([&] {
            code = 0;
            io.stop();
        });
        signals.async_wait([&](boost::system::error_code again, int) {
            if (!again) io.stop();
        });
    });
    io.run();
    gateway->reset();
    return code;
}

}  // namespace drover::gateway
