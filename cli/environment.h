// What the environment says to the command line: read once, in main, and passed down. Room: cli.
#pragma once

#include <filesystem>
#include <string>

namespace drover::cli {

struct Environment {
    std::filesystem::path config_folder;  // $XDG_CONFIG_HOME, else ~/.config; empty where neither is there
    std::string gateway;                  // DROVER_GATEWAY: its address
    std::string token;                    // DROVER_TOKEN: for the gateway
    std::string kubeconfig;               // the first of $KUBECONFIG, else ~/.kube/config; empty where neither is there
    bool color = true;                    // NO_COLOR is not set, and the terminal is no dumb one
    bool is_kubectl_plugin = false;       // started as `kubectl drover`
};

// `program` is argv[0].
Environment read_environment(const char* program);

}  // namespace drover::cli
