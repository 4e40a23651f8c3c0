// Which JobQueues and Deployments belong together: by the label that the operator gives a queue's Deployments, and by
// spec.targetRef, with which a queue names one of the user's. Room: operator. Pure: one owner thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "src/kube/store.h"

namespace drover::operators {

class DeploymentClaims {
public:
    // Of each that is there.
    void queue_changed(const kube::Change& change);
    void deployment_changed(const kube::Change& change);

    // Those with the queue's label.
    const std::set<kube::ObjectKey>& labelled(const kube::ObjectKey& queue) const;
    // A Deployment that several queues name belongs to the oldest of them, and of those of one second to the first by
    // name. The one that has the Deployment of this queue; nothing: it itself, or it names none.
    std::optional<std::string> taken_by(const kube::ObjectKey& queue, const nlohmann::json& object) const;

private:
    using Claim = std::pair<std::string, std::string>;  // when the queue was created, its name

    std::map<kube::ObjectKey, std::set<kube::ObjectKey>> labelled_;  // by queue
    std::map<kube::ObjectKey, std::set<Claim>> claims_;              // by Deployment
};

// The queue whose label the Deployment has.
std::optional<kube::ObjectKey> queue_of(const nlohmann::json& deployment);

}  // namespace drover::operators
