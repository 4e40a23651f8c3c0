#include "src/kube/in_cluster.h"

#include <utility>

namespace drover::kube {

Result<Connection> in_cluster(const InClusterSettings& settings) {
    if (settings.host.empty() || settings.port.empty()) {
        return failure(Error::Code::not_found, std::string("not in a cluster: ") + InClusterSettings::host_variable +
                                                   " and " + InClusterSettings::port_variable + " are not both set");
    }
    auto ca = read_file(settings.folder + "/ca.crt");
    if (!ca) return tl::unexpected(ca.error());
    auto token = Token::from_file(settings.folder + "/token");
    if (const auto read = token->current(); !read) return tl::unexpected(read.error());
    auto namespace_name = read_file(settings.folder + "/namespace");
    if (!namespace_name) return tl::unexpected(namespace_name.error());

    const bool is_v6 = settings.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + settings.host + "]" : settings.host;
    Connection connection;
    connection.server = "https://" + host + ":" + settings.port;
    connection.tls.ca = std::move(*ca);
    connection.token = std::move(token);
    connection.namespace_name = namespace_name->substr(0, namespace_name->find_first_of(" \r\n"));
    return connection;
}

}  // namespace drover::kube
