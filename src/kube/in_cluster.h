// How a pod reaches its API server: by its service account. Room: kube.
#pragma once

#include <string>

#include "src/base/result.h"
#include "src/kube/connection.h"

namespace drover::kube {

// The environment variables are read in main; "" where one is not set.
struct InClusterSettings {
    static constexpr const char* host_variable = "KUBERNETES_SERVICE_HOST";
    static constexpr const char* port_variable = "KUBERNETES_SERVICE_PORT";

    std::string host;
    std::string port;
    std::string folder = "/var/run/secrets/kubernetes.io/serviceaccount";  // token, ca.crt, namespace
};

// `not_found`: this is no pod with a service account; the message says what is missing.
Result<Connection> in_cluster(const InClusterSettings& settings);

}  // namespace drover::kube
