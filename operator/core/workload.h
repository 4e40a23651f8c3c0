// The Kubernetes objects that a queue's workers consist of. Pure. Room: operator/core.
//
// Each object is what server-side apply takes: the fields that are ours, and no other. Where a Deployment is adopted
// (spec.targetRef) that is the sidecar and what the app needs to find it; where the queue has a template, the whole
// Deployment.
//
// A pod has the sidecar as a native sidecar: it starts before the app and ends after it. The app's preStop asks it to
// drain, so that the app is told to end only when its jobs are finished.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"

namespace drover::operator_core {

inline constexpr std::string_view queue_label = "drover.dev/queue";
// Of a pod: a hash of the part of its configuration that does not change while it runs.
inline constexpr std::string_view config_annotation = "drover.dev/config";
inline constexpr int probe_port = 4041;

// Of a queue's own objects.
std::string workload_name(std::string_view queue);

// What the chart told the operator.
struct Installation {
    std::string image;  // of the sidecar
    std::string image_pull_policy = "IfNotPresent";
    nlohmann::json sidecar_resources = {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}},
                                        {"limits", {{"memory", "128Mi"}}}};
    bool has_pod_monitors = false;  // the cluster knows the kind
};

struct Surroundings {
    std::string uid;                                  // of the JobQueue, whose objects these are
    int replicas = 0;                                 // as decided
    std::string drain_token;                          // that the sidecar asks for
    std::optional<nlohmann::json> deployment;         // the adopted one, as it is
    std::vector<jobqueue::RetryTopic> retired;        // retry topics of an earlier policy that are not empty
    std::map<std::string, std::string> queue_topics;  // of the namespace's queues: where workers may submit
};

struct Workload {
    std::vector<nlohmann::json> objects;  // in the order in which they are to be applied
    std::string hot_config;               // for the control topic, once they are: pods that run go on by it
    bool drain_hook_conflict = false;     // the app has a preStop hook of its own, which is kept
};

// An Error names what is wrong with the template, or with the Deployment that was to be adopted.
Result<Workload> workload_of(const jobqueue::JobQueue& queue, const Installation& installation,
                             const Surroundings& surroundings);

// What a pod's grace period has to be: its jobs' time, and `app_seconds`, what the app itself needs.
int grace_period_seconds(const jobqueue::DeliverySpec& delivery, int app_seconds);

}  // namespace drover::operator_core
