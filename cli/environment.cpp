#include "cli/environment.h"

#include <cstdlib>
#include <string_view>

namespace drover::cli {
namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

Environment read_environment(const char* program) {
    Environment environment{.gateway = variable("DROVER_GATEWAY"), .token = variable("DROVER_TOKEN")};
    const std::string home = variable("HOME"), config = variable("XDG_CONFIG_HOME");
    if (!config.empty())
        environment.config_folder = config;
    else if (!home.empty())
        environment.config_folder = std::filesystem::path(home) / ".config";
    const std::string kubeconfig = variable("KUBECONFIG");
    if (!kubeconfig.empty())
        environment.kubeconfig = kubeconfig.substr(0, kubeconfig.find(':'));
    else if (!home.empty())
        environment.kubeconfig = std::filesystem::path(home) / ".kube" / "config";
    environment.color = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
    environment.is_kubectl_plugin =
        program != nullptr && std::filesystem::path(program).filename().string().starts_with("kubectl-");
    return environment;
}

}  // namespace drover::cli
