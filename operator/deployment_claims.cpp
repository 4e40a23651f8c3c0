#include "operator/deployment_claims.h"

#include "operator/core/workload.h"

namespace drover::operators {
namespace {

using kube::ObjectKey;
using nlohmann::json;

// "" where it is no text.
std::string text_at(const json& object, const json::json_pointer& place) {
    if (!object.contains(place) || !object.at(place).is_string()) return "";
    return object.at(place).get<std::string>();
}

// The Deployment that a queue names.
std::optional<ObjectKey> target_of(const json& queue) {
    std::string name = text_at(queue, "/spec/targetRef/name"_json_pointer);
    if (name.empty()) return std::nullopt;
    return ObjectKey{kube::key_of(queue).namespace_name, std::move(name)};
}

template <class Key, class Value>
void take_out(std::map<Key, std::set<Value>>& sets, const Key& key, const Value& value) {
    const auto found = sets.find(key);
    if (found == sets.end()) return;
    found->second.erase(value);
    if (found->second.empty()) sets.erase(found);
}

std::pair<std::string, std::string> claim_of(const json& queue) {
    return {text_at(queue, "/metadata/creationTimestamp"_json_pointer), kube::key_of(queue).name};
}

}  // namespace

std::optional<ObjectKey> queue_of(const json& deployment) {
    const auto labels = deployment.value("/metadata/labels"_json_pointer, json::object());
    const auto label = labels.find(std::string(operator_core::queue_label));
    if (label == labels.end() || !label->is_string()) return std::nullopt;
    return ObjectKey{kube::key_of(deployment).namespace_name, label->get<std::string>()};
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
