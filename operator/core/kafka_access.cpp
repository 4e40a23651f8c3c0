#include "operator/core/kafka_access.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "src/base/base64.h"

namespace drover::operator_core {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr std::string_view servers_setting = "bootstrap.servers";

bool is_dangerous(std::string_view name) {
    static constexpr std::array<std::string_view, 4> prefixes{"sasl.oauthbearer.", "sasl.kerberos.", "ssl.engine",
                                                              "plugin."};
    static constexpr std::array<std::string_view, 4> names{"ssl.providers", "debug", "statistics.interval.ms",
                                                           "enable.sasl.oauthbearer.unsecure.jwt"};
    return name.ends_with(".location") || std::ranges::find(names, name) != names.end() ||
           std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

Result<void> add(Settings& settings, const std::string& name, std::string value, const std::string& where) {
    if (name == servers_setting || name == "metadata.broker.list") {
        return failure(Error::Code::unauthorized, where + ": " + name + " belongs in spec.kafka.bootstrapServers");
    }
    if (is_dangerous(name)) {
        return failure(Error::Code::unauthorized,
                       where + ": the operator does not take " + name +
                           ": with it, it would read files, run programs or ask servers of its own surroundings; "
                           "certificates and keys go as ssl.ca.pem, ssl.certificate.pem and ssl.key.pem");
    }
    settings[name] = std::move(value);
    return {};
}

Result<void> check_allowed(const std::string& servers, const std::set<std::string>& allowed) {
    if (allowed.empty()) return {};
    for (std::size_t begin = 0; begin <= servers.size();) {
        const std::size_t comma = std::min(servers.find(',', begin), servers.size());
        const std::string server = servers.substr(begin, comma - begin);
        if (!allowed.contains(server)) {
            return failure(Error::Code::unauthorized, "spec.kafka.bootstrapServers: " + server +
                                                          " is not among the brokers that this operator allows");
        }
        begin = comma + 1;
    }
    return {};
}

}  // namespace

Result<Settings> kafka_settings_of(const jobqueue::JobQueue& queue, const nlohmann::json* secret,
                                   const std::set<std::string>& allowed) {
    if (Result<void> fine = check_allowed(queue.kafka.bootstrap_servers, allowed); !fine) {
        return tl::unexpected(fine.error());
    }
    Settings settings;
    for (const auto& [name, value] : queue.kafka.settings) {
        if (Result<void> added = add(settings, name, value, "spec.kafka.settings"); !added) {
            return tl::unexpected(added.error());
        }
    }
    if (secret != nullptr) {
        const std::string where = "Secret " + queue.kafka.auth_secret;
        const nlohmann::json data = secret->value("data", nlohmann::json::object());
        if (!data.is_object()) return failure(Error::Code::invalid, where + " has no data");
        for (const auto& [name, encoded] : data.items()) {
            auto value = encoded.is_string() ? base64_decode(encoded.get<std::string>()) : std::nullopt;
            if (!value) return failure(Error::Code::invalid, where + ": " + name + " is not base64");
            if (value->ends_with('\n')) value->pop_back();  // as the sidecar reads it
            if (Result<void> added = add(settings, name, std::move(*value), where); !added) {
                return tl::unexpected(added.error());
            }
        }
    }
    settings[std::string(servers_setting)] = queue.kafka.bootstrap_servers;
    return settings;
}

}  // namespace drover::operator_core
