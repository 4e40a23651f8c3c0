// Loopback ports for sidecars and workers: the lowest free ones, so that the first sidecar is where the documentation
// says. Room: cli. Owner thread: any one.
//
// A port is free when nobody listens on it now; another program may still take it before ours does, which then says so
// and is started again.
#pragma once

#include <cstdint>
#include <set>

#include "src/base/result.h"

namespace drover::cli {

bool is_port_free(std::uint16_t port);

class PortPool {
public:
    explicit PortPool(std::uint16_t first_sidecar) : first_sidecar_(first_sidecar) {}

    struct Ports {
        std::uint16_t app = 0;     // of the sidecar, for its worker
        std::uint16_t probe = 0;   // of the sidecar, the next one: health, figures, drain
        std::uint16_t worker = 0;  // five hundred above
    };
    Result<Ports> take();
    void give_back(const Ports& ports);

private:
    bool is_free(std::uint16_t port) const;

    std::uint16_t first_sidecar_;
    std::set<std::uint16_t> taken_;
};

// The first free one from `first` on.
Result<std::uint16_t> free_port_from(std::uint16_t first);

}  // namespace drover::cli
