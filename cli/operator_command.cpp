#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "operator/operator.h"
#include "src/kube/in_cluster.h"
#include "src/kube/kubeconfig.h"

namespace drover::cli {
namespace {

struct Options {
    std::string kubeconfig;
    std::string context;
    std::vector<std::string> namespaces;
    std::string lease;
    std::string identity;
    std::string image;
    std::string image_pull_policy = "IfNotPresent";
    std::string sidecar_resources;
    bool pod_monitors = false;
    std::vector<std::string> allowed_brokers;
    std::uint16_t port = 4200;
};

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// An identity belongs to one process.
std::string own_identity(const std::string& given) {
    std::string name = given;
    if (name.empty()) {
        std::array<char, 256> host{};
        ::gethostname(host.data(), host.size() - 1);
        name = host.data();
    }
    return name + "_" + std::to_string(::getpid()) + "_" +
           std::to_string(std::chrono::system_clock::now().time_since_epoch().count() / 1000);
}

Result<kube::Connection> connect(const Options& options) {
    if (!options.kubeconfig.empty()) return kube::load_kubeconfig(options.kubeconfig, options.context);
    return kube::in_cluster({.host = variable(kube::InClusterSettings::host_variable),
                             .port = variable(kube::InClusterSettings::port_variable)});
}

Result<operators::OperatorSettings> settings_from(const Options& options) {
    Result<kube::Connection> connection = connect(options);
    if (!connection) {
        return failure(Error::Code::invalid,
                       connection.error().message +
                           (options.kubeconfig.empty() ? "; outside of a cluster give --kubeconfig" : ""));
    }
    operators::OperatorSettings settings{
        .connection = std::move(*connection),
        .namespaces = options.namespaces,
        .identity = own_identity(options.identity),
        .allowed_brokers = {options.allowed_brokers.begin(), options.allowed_brokers.end()},
        .port = options.port};
    settings.installation.image = options.image;
    settings.installation.image_pull_policy = options.image_pull_policy;
    settings.installation.has_pod_monitors = options.pod_monitors;
    if (!options.sidecar_resources.empty()) {
        settings.installation.sidecar_resources = nlohmann::json::parse(options.sidecar_resources, nullptr, false);
        if (!settings.installation.sidecar_resources.is_object()) {
            return failure(Error::Code::invalid, "--sidecar-resources wants a JSON object");
        }
    }
    if (!options.lease.empty()) {
        const std::size_t slash = options.lease.find('/');
        if (slash == std::string::npos || slash == 0 || slash + 1 == options.lease.size()) {
            return failure(Error::Code::invalid, "--lease wants NAMESPACE/NAME, not " + options.lease);
        }
        settings.lease = kube::ObjectKey{options.lease.substr(0, slash), options.lease.substr(slash + 1)};
    }
    return settings;
}

}  // namespace

void add_operator_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command =
        app.add_subcommand("operator", "Run the operator: JobQueues of a Kubernetes get topics and workers");
    const auto options = std::make_shared<Options>();
    command->add_option("--kubeconfig", options->kubeconfig, "How to reach the cluster (default: as a pod in it)")
        ->envname("KUBECONFIG");
    command->add_option("--context", options->context, "Which of the kubeconfig's contexts");
    command->add_option("--namespace", options->namespaces, "A namespace to watch, may be repeated (default: all)");
    command->add_option("--lease", options->lease,
                        "NAMESPACE/NAME of the Lease by which replicas elect a leader (default: there is one replica)");
    command->add_option("--identity", options->identity, "Name of this replica (default: the host's)")
        ->envname("POD_NAME");
    command->add_option("--image", options->image, "The image with drover, for sidecars")->required();
    command->add_option("--image-pull-policy", options->image_pull_policy, "Of that image")
        ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
    command->add_option("--sidecar-resources", options->sidecar_resources, "Requests and limits of sidecars, as JSON");
    command->add_flag("--pod-monitors", options->pod_monitors, "Make a PodMonitor for each queue's workers");
    command->add_option("--allow-kafka", options->allowed_brokers,
                        "HOST:PORT that queues may name as their Kafka, may be repeated (default: any)");
    command->add_option("--port", options->port, "For health and metrics");
    command->callback([&chosen, options] {
        chosen = [options] {
            const Result<operators::OperatorSettings> settings = settings_from(*options);
            if (!settings) {
                std::cerr << "drover: " << settings.error().message << "\n";
                return 2;
            }
            return operators::run_operator(*settings);
        };
    });
}

}  // namespace drover::cli
