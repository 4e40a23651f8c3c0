// A kind of objects and the paths at which the API server has them. Room: kube. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/kube/object_key.h"

namespace drover::kube {

struct Resource {
    std::string group;  // "": the core
    std::string version;
    std::string plural;
    std::string kind;
    bool namespaced = true;

    std::string api_version() const { return group.empty() ? version : group + "/" + version; }
};

inline const Resource leases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline const Resource events{"events.k8s.io", "v1", "events", "Event"};

// Percent-encoded. In all namespaces where `namespace_name` is "".
std::string collection_path(const Resource& resource, std::string_view namespace_name);
// `subresource`: "", "status", "scale".
std::string object_path(const Resource& resource, const ObjectKey& key, std::string_view subresource = "");

// "?limit=500&labelSelector=app%3Da", without those whose value is empty.
using Query = std::vector<std::pair<std::string_view, std::string>>;
std::string query_text(const Query& query);

// What can stand as one segment of a path and names something: not empty, not "." or "..", no '/' or '%'.
bool is_path_segment(std::string_view name);

}  // namespace drover::kube
