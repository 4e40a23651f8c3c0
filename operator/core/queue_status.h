// The status of a JobQueue: what the operator sees and has decided, for people and for its next leader. Pure. Room:
// operator/core.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "operator/core/decide.h"
#include "src/jobqueue/queue_figures.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/workers_record.h"

namespace drover::operator_core {

// Whether something is so, with a CamelCase reason for programs and a sentence for people.
struct Finding {
    enum class Is { yes, no, unknown };
    Is is = Is::unknown;
    std::string reason;
    std::string message;

    bool operator==(const Finding&) const = default;
};

// What one worker pod says, or is.
struct PodReport {
    std::string name;
    std::string address;           // "" while it has none
    std::string config;            // a hash of what it was started with, as in the Deployment's template
    bool ending = false;           // it is told to end
    bool ready = false;            // all of its containers
    std::string waiting_reason;    // of a container that cannot start: ImagePullBackOff; "" for none
    std::string waiting_message;   // the kubelet's words
    bool asked = false;            // the sidecar answered, so the following is known
    std::int64_t in_flight = 0;    // jobs that its worker has in hand
    bool worker_reachable = true;  // its port answers
    std::string blocked_job;       // for which a whole partition waits; "" for none
    std::string trouble;           // with Kafka; "" for none

    bool operator==(const PodReport&) const = default;
};

// What was found out about a queue; its status follows from it.
struct Facts {
    std::int64_t generation = 0;
    Finding spec_valid;       // no: nothing below is known
    Finding kafka_reachable;  // and we may use it
    Finding topics_ready;
    Finding workload_applied;                       // Kubernetes took the objects
    std::optional<jobqueue::QueueFigures> figures;  // nothing: not read yet, or not any more
    std::optional<Time> oldest_since;               // when the oldest unfinished job came
    bool paused_by_spec = false;
    std::vector<jobqueue::RetryTopic> retired;  // retry topics of an earlier policy that are not known to be empty
    bool drain_hook_conflict = false;           // the app's own preStop hook stands where ours would
    std::optional<nlohmann::json> deployment;   // as Kubernetes has it
    std::vector<PodReport> pods;
    std::optional<Decision> decision;  // the latest
};

// The retry topics of an earlier policy, by the steps in `status`, but for those that `last` says are empty: figures
// that were read when nobody wrote there any more; null where there are none. Ascending.
std::vector<jobqueue::RetryTopic> retired_retry_topics(const jobqueue::JobQueue& queue, const nlohmann::json& status,
                                                       const jobqueue::QueueFigures* last);

// `before` is the status as it is: a condition keeps its time of transition where its status stays, and figures that
// could not be read now keep their last value.
nlohmann::json status_of(const jobqueue::JobQueue& queue, const Facts& facts, const nlohmann::json& before, Time now);

// What gateways are told of the queue's workers, by a status that status_of() made. Only where there is a decision.
std::optional<jobqueue::WorkersRecord> workers_record_of(const jobqueue::JobQueue& queue, const Facts& facts,
                                                         const nlohmann::json& status);

// What a decision changed is written at once, as a condition that changed; mere figures and memory need not be.
bool is_urgent(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace drover::operator_core
