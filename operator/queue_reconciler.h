// Brings one queue's Kubernetes objects to where they should be, and says in its status what was seen and decided.
// Room: operator. Any thread, several at once, but one at a time for a queue; calls block on the API server.
//
//   the JobQueue → which Kafka → what is to do there → decide → objects → status
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "operator/core/decide.h"
#include "operator/core/queue_status.h"
#include "operator/core/workload.h"
#include "operator/kafka_cluster.h"
#include "operator/worker_pods.h"
#include "src/jobqueue/workers_record.h"
#include "src/kube/api_client.h"
#include "src/kube/event_recorder.h"
#include "src/kube/store.h"

namespace drover::operators {

inline const kube::Resource job_queues{"drover.dev", "v1alpha1", "jobqueues", "JobQueue"};
inline const kube::Resource deployments{"apps", "v1", "deployments", "Deployment"};
inline constexpr const char* field_manager = "drover-operator";

struct ReconcilerSettings {
    operator_core::Installation installation;
    std::set<std::string> allowed_brokers;  // host:port; empty: all
    // Asked before every write: false as soon as somebody else may lead.
    std::function<bool()> may_write;
};

// What is remembered from one reconcile of a queue to the next. A default one is right for a queue never seen before.
struct QueueMemory {
    std::int64_t generation = -1;                     // of `queue`
    std::string annotations;                          // the same
    std::shared_ptr<const jobqueue::JobQueue> queue;  // null: not valid
    operator_core::Finding spec_valid;
    std::optional<kafka::Settings> kafka;               // how to reach it
    std::chrono::steady_clock::time_point kafka_until;  // then its Secret is read again
    operator_core::ScalingPolicy policy;                // of `queue`
    std::optional<operator_core::Memory> scaling;
    std::map<std::string, std::size_t> applied;           // by kind and name, a hash of what was applied
    std::chrono::steady_clock::time_point applied_until;  // then all is applied again
    // As the last apply left it; a watch may be behind for a moment, and then the older one would be held to.
    std::optional<nlohmann::json> deployment;
    std::chrono::steady_clock::time_point deployment_until;  // then the watch is believed in any case
    std::vector<operator_core::PodReport> pods;
    std::chrono::steady_clock::time_point pods_until;  // then they are asked again
    SilentPods silent_pods;
    bool is_leaving = false;               // a reconcile has seen that it is being deleted
    std::optional<Time> settled_at;        // since when all pods have the configuration that counts
    std::optional<nlohmann::json> status;  // as last written
    std::chrono::steady_clock::time_point status_at;
};

struct QueueInput {
    kube::Object object;            // the JobQueue
    kube::Object deployment;        // null: not known
    std::optional<QueueView> view;  // nothing: Kafka has not been asked yet
    std::optional<std::string>
        taken_by;                      // the JobQueue to which the Deployment of spec.targetRef belongs; nothing: this
    std::vector<kube::Object> others;  // Deployments with this queue's label that are not `deployment`
};

struct QueueOutcome {
    std::optional<Error> failure;              // to be tried again, after a while that grows
    Duration retry_after{0};                   // and not before: the API server asked for it
    Duration again = std::chrono::minutes(5);  // when to come back without news
    std::vector<kube::EventNote> notes;        // for people, about the JobQueue
    // Where its figures are to come from; nothing: from nowhere.
    std::optional<kafka::Settings> kafka;
    QueueWish wish;
    std::optional<operator_core::Decision> decision;  // where one was made
    bool is_scaled = false;                           // and it changed the number of replicas
    std::optional<jobqueue::WorkersRecord> workers;   // for the gateways, where a decision was made
};

class QueueReconciler {
public:
    QueueReconciler(kube::ApiClient& api, ReconcilerSettings settings) : api_(api), settings_(std::move(settings)) {}

    QueueOutcome reconcile(const QueueInput& input, QueueMemory& memory);

private:
    kube::ApiClient& api_;
    const ReconcilerSettings settings_;
};

}  // namespace drover::operators
