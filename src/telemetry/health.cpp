#include "src/telemetry/health.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace drover::telemetry {

void Health::set(std::string_view name, bool passes, std::string_view reason, Kind kind) {
    checks_.insert_or_assign(std::string(name), Check{passes, std::string(reason), kind});
}

void Health::remove(std::string_view name) {
    if (const auto found = checks_.find(name); found != checks_.end()) checks_.erase(found);
}

bool Health::live() const {
    return std::all_of(checks_.begin(), checks_.end(),
                       [](const auto& entry) { return entry.second.kind == Kind::readiness || entry.second.passes; });
}

bool Health::ready() const {
    return !checks_.empty() &&
           std::all_of(checks_.begin(), checks_.end(), [](const auto& entry) { return entry.second.passes; });
}

std::string Health::json() const {
    using Json = nlohmann::ordered_json;
    Json checks = Json::object();
    for (const auto& [name, check] : checks_) {
        Json entry = {{"ok", check.passes}, {"kind", check.kind == Kind::liveness ? "liveness" : "readiness"}};
        if (!check.reason.empty()) entry["reason"] = check.reason;
        checks[name] = std::move(entry);
    }
    const Json all = {{"live", live()}, {"ready", ready()}, {"checks", std::move(checks)}};
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace drover::telemetry
