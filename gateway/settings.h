// What a gateway is told at its start. Room: gateway.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "src/base/time.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

struct GatewaySettings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 4100;   // 0: any
    kafka::Settings kafka;       // bootstrap.servers among them
    std::filesystem::path data;  // the spool, and the view where it is SQLite's
    std::string database;        // of the view, as JobViewSettings::where; "": SQLite in `data`
    std::string default_namespace = "default";
    // Files that may change while it runs.
    std::filesystem::path tokens;                    // "": everybody may do everything
    std::filesystem::path tls_certificate, tls_key;  // PEM; both or none
    std::filesystem::path webhooks;                  // "": nobody is told of anything
    std::string identity;                            // who this is, in the audit log and metrics
};

}  // namespace drover::gateway
