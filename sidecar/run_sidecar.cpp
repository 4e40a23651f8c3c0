#include "sidecar/run_sidecar.h"

#include <csignal>

#include <boost/asio/signal_set.hpp>

#include "sidecar/faces.h"
#include "sidecar/sidecar.h"
#include "src/telemetry/log.h"

namespace drover::sidecar {

int run_sidecar(const jobqueue::SidecarConfig& config) {
    boost::asio::io_context io(1);
    Result<std::unique_ptr<Sidecar>> sidecar = Sidecar::start(io, config);
    if (!sidecar) {
        log::error("the sidecar cannot start", {{"error", sidecar.error().message}});
        return sidecar.error().code == Error::Code::invalid ? 2 : 1;
    }
    auto app_face = listen_to_app(io, **sidecar);
    auto probe_face = listen_to_probes(io, **sidecar);
    for (const auto* face : {&app_face, &probe_face}) {
        if (*face) continue;
        log::error("the sidecar cannot start", {{"error", face->error().message}});
        return 1;
    }
    log::info("sidecar started", {{"queue", config.ns + "." + config.queue},
                                  {"topic", config.topic},
                                  {"appPort", (*app_face)->port()},
                                  {"probePort", (*probe_face)->port()}});

    int code = 1;
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code error, int) {
        if (error) return;
        log::info("draining", {});
        (*sidecar)->drain([&] {
            log::info("drained", {});
            code = 0;
            (*app_face)->stop([] {});
            (*probe_face)->stop([&] { io.stop(); });
        });
        signals.async_wait([&](boost::system::error_code again, int) {
            if (again) return;
            log::warn("a second signal: ending without finishing", {});
            io.stop();
        });
    });
    io.run();
    app_face->reset();
    probe_face->reset();
    return code;
}

}  // namespace drover::sidecar
