#include "operator/deployment_claims.h"

#include <string_view>

#include "operator/core/workload.h"
#include "src/kube/json_fields.h"

namespace drover::operators {
namespace {

using kube::ObjectKey;
using nlohmann::json;

// The Deployment that a queue names.
std::optional<ObjectKey> target_of(const json& queue) {
    const std::string_view name = kube::text_at(queue, {"spec", "targetRef", "name"});
    if (name.empty()) return std::nullopt;
    return ObjectKey{kube::key_of(queue).namespace_name, std::string(name)};
}

template <class Key, class Value>
void take_out(std::map<Key, std::set<Value>>& sets, const Key& key, const Value& value) {
    const auto found = sets.find(key);
    if (found == sets.end()) return;
    found->second.erase(value);
    if (found->second.empty()) sets.erase(found);
}

std::pair<std::string, std::string> claim_of(const json& queue) {
    return {std::string(kube::text_at(queue, {"metadata", "creationTimestamp"})), kube::key_of(queue).name};
}

}  // namespace

std::optional<ObjectKey> queue_of(const json& deployment) {
    const std::string_view name = kube::text_at(deployment, {"metadata", "labels", operator_core::queue_label});
    if (name.empty()) return std::nullopt;
    return ObjectKey{kube::key_of(deployment).namespace_name, std::string(name)};
}

void DeploymentClaims::queue_changed(const kube::Change& change) {
    if (change.before) {
        if (const auto target = target_of(*change.before)) take_out(claims_, *target, claim_of(*change.before));
    }
    if (change.after) {
        if (const auto target = target_of(*change.after)) claims_[*target].insert(claim_of(*change.after));
    }
}

void DeploymentClaims::deployment_changed(const kube::Change& change) {
    if (change.before) {
        if (const auto queue = queue_of(*change.before)) take_out(labelled_, *queue, change.key);
    }
    if (change.after) {
        if (const auto queue = queue_of(*change.after)) labelled_[*queue].insert(change.key);
    }
}

const std::set<ObjectKey>& DeploymentClaims::labelled(const ObjectKey& queue) const {
    static const std::set<ObjectKey> none;
    const auto found = labelled_.find(queue);
    return found == labelled_.end() ? none : found->second;
}

std::optional<std::string> DeploymentClaims::taken_by(const ObjectKey& queue, const json& object) const {
    const auto target = target_of(object);
    const auto claims = target ? claims_.find(*target) : claims_.end();
    if (claims == claims_.end() || claims->second.begin()->second == queue.name) return std::nullopt;
    return claims->second.begin()->second;
}

}  // namespace drover::operators
