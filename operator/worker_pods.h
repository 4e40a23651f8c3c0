// A queue's worker pods: which there are, and what their sidecars say. Room: operator. Any thread; calls block.
#pragma once

#include <string>
#include <vector>

#include "operator/core/queue_status.h"
#include "src/kube/api_client.h"

namespace drover::operators {

inline const kube::Resource pods{"", "v1", "pods", "Pod"};

// Without those that have ended. Each sidecar has a second to answer, all are asked at the same time. One that does not
// answer, or whose pod is ending, is not `asked`.
kube::ApiResult<std::vector<operator_core::PodReport>> look_at_worker_pods(kube::ApiClient& api,
                                                                           const kube::ObjectKey& queue);

// So that Kubernetes ends idle pods first: what each has in flight is what its deletion costs. Of a pod that did not
// answer nothing is known, so it stands between the idle and the busy.
kube::ApiResult<void> set_deletion_costs(kube::ApiClient& api, const std::string& namespace_name,
                                         const std::vector<operator_core::PodReport>& reports,
                                         const std::string& field_manager);

}  // namespace drover::operators
