// The spec of a coordination.k8s.io/v1 Lease, by which replicas agree on one leader. Room: kube. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "src/base/time.h"
#include "src/kube/object_key.h"

namespace drover::kube {

struct Lease {
    std::string holder;  // "": nobody
    std::chrono::seconds duration{0};
    std::optional<Time> acquired;  // by the holder's clock, as is `renewed`: for people only
    std::optional<Time> renewed;
    std::int64_t transitions = 0;
    std::string version;  // resourceVersion

    bool operator==(const Lease&) const = default;
};

// Total: what is missing or of another shape reads as absent; a duration below 0 or above a day counts as that.
Lease read_lease(const nlohmann::json& object);
// A whole new object.
nlohmann::json lease_object(const ObjectKey& key, const Lease& lease);
// A merge patch, refused as a conflict when the lease is no longer in `lease.version`.
nlohmann::json lease_patch(const Lease& lease);

// Kubernetes' MicroTime: RFC 3339 in UTC with six digits.
std::string format_micro_time(Time time);

}  // namespace drover::kube
