#include "src/kube/lease.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "src/kube/json_fields.h"

namespace drover::kube {
namespace {

nlohmann::json time_or_null(const std::optional<Time>& time) {
    return time ? nlohmann::json(format_micro_time(*time)) : nlohmann::json(nullptr);
}

nlohmann::json spec_of(const Lease& lease) {
    return {{"holderIdentity", lease.holder},
            {"leaseDurationSeconds", lease.duration.count()},
            {"acquireTime", time_or_null(lease.acquired)},
            {"renewTime", time_or_null(lease.renewed)},
            {"leaseTransitions", lease.transitions}};
}

}  // namespace

std::string format_micro_time(Time time) {
    std::string text = format_rfc3339(time);  // 2026-11-23T00:32:05.123Z
    const auto in_second = time - std::chrono::floor<std::chrono::seconds>(time);
    std::array<char, 16> digits{};
    std::snprintf(digits.data(), digits.size(), "%03dZ", static_cast<int>(in_second.count() % 1000));
    text.pop_back();
    return text + digits.data();
}

Lease read_lease(const nlohmann::json& object) {
    Lease lease;
    lease.holder = text_at(object, {"spec", "holderIdentity"});
    constexpr std::int64_t a_day = 24 * 60 * 60;
    const auto seconds = integer_at(object, {"spec", "leaseDurationSeconds"}).value_or(0);
    lease.duration = std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, a_day));
    lease.acquired = parse_rfc3339(text_at(object, {"spec", "acquireTime"}));
    lease.renewed = parse_rfc3339(text_at(object, {"spec", "renewTime"}));
    lease.transitions = integer_at(object, {"spec", "leaseTransitions"}).value_or(0);
    lease.version = text_at(object, {"metadata", "resourceVersion"});
    return lease;
}

nlohmann::json lease_object(const ObjectKey& key, const Lease& lease) {
    return {{"apiVersion", "coordination.k8s.io/v1"},
            {"kind", "Lease"},
            {"metadata", {{"namespace", key.namespace_name}, {"name", key.name}}},
            {"spec", spec_of(lease)}};
}

nlohmann::json lease_patch(const Lease& lease) {
    return {{"metadata", {{"resourceVersion", lease.version}}}, {"spec", spec_of(lease)}};
}

}  // namespace drover::kube
