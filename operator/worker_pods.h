// A queue's worker pods: which there are, and what their sidecars say. Room: operator. Any thread; calls block.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "operator/core/queue_status.h"
#include "src/kube/api_client.h"

namespace drover::operators {

inline const kube::Resource pods{"", "v1", "pods", "Pod"};

// Without those that have ended. As Kubernetes has them: no sidecar is asked.
kube::ApiResult<std::vector<operator_core::PodReport>> list_worker_pods(kube::ApiClient& api,
                                                                        const kube::ObjectKey& queue);

// Pods that let a question time out, as those on a dead node do, and until when they are not asked again. By name.
using SilentPods = std::map<std::string, std::chrono::steady_clock::time_point>;

// Has their sidecars say more. Each has a second to answer, all are asked at the same time. One that does not answer,
// or whose pod is ending, is not `asked`; one that is silent costs a second a minute.
void ask_worker_pods(std::vector<operator_core::PodReport>& reports, SilentPods& silent);

// So that Kubernetes ends idle pods first: what a pod has in flight is what its deletion costs. Of one that did not
// answer nothing is known, so it stands between the idle and the busy. One that is gone is well.
kube::ApiResult<void> set_deletion_cost(kube::ApiClient& api, const std::string& namespace_name,
                                        const operator_core::PodReport& pod, const std::string& field_manager);

}  // namespace drover::operators
