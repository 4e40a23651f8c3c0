// A kubeconfig file, as kubectl has it. Room: kube. Over yaml-cpp.
//
// Read are clusters (server, certificate-authority, -data, insecure-skip-tls-verify), users (client-certificate and
// client-key, -data, token, tokenFile) and contexts. What would need another program (exec, auth-provider), a password,
// a proxy or another server name is refused by name, where the chosen context uses it.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/kube/connection.h"

namespace drover::kube {

struct KubeconfigSource {
    std::string context;  // "": the current one
    std::string folder;   // what relative paths in it start from
    ReadFile read = read_file;
};

// Total. `invalid` names the field.
Result<Connection> parse_kubeconfig(std::string_view text, const KubeconfigSource& source);

// Messages begin with the path.
Result<Connection> load_kubeconfig(const std::string& path, const std::string& context = "");

}  // namespace drover::kube
