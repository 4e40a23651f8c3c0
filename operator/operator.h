// The operator: watches JobQueues, has each reconciled when something about it changed or its time has come, while it
// leads. Room: operator.
//
//   watches, figures, time → work queue → QueueReconciler, on a few threads → outcome → work queue
//
// One thread, that of run_operator(), owns everything but what blocks: watches, leader election, each Kafka and the
// reconciles have threads, which post what they have to say.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/core/workload.h"
#include "src/kube/connection.h"
#include "src/kube/object_key.h"

namespace drover::operators {

struct OperatorSettings {
    kube::Connection connection;
    std::vector<std::string> namespaces;   // none: all
    std::optional<kube::ObjectKey> lease;  // nothing: this is the only one, and leads
    std::string identity;                  // of this replica
    operator_core::Installation installation;
    std::set<std::string> allowed_brokers;  // host:port; none: all
    std::string address = "0.0.0.0";
    std::uint16_t port = 4200;  // health and metrics
};

// Until SIGTERM or SIGINT. The exit code.
int run_operator(const OperatorSettings& settings);

}  // namespace drover::operators
