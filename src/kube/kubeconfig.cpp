#include "src/kube/kubeconfig.h"

#include <filesystem>
#include <initializer_list>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "src/base/base64.h"

namespace drover::kube {
namespace {

constexpr std::size_t largest = 1024 * 1024;

// What is wrong with the file; caught at the room's own edge.
struct Wrong {
    Error error;
};

[[noreturn]] void wrong(std::string message) { throw Wrong{{Error::Code::invalid, std::move(message)}}; }

class Section {
public:
    Section(const YAML::Node& node, std::string path) : node_(node), path_(std::move(path)) {
        if (node_ && !node_.IsNull() && !node_.IsMap()) wrong(path_ + " is not a mapping");
    }

    std::string text(const char* name) const {
        const auto field = at(name);
        if (!field || field.IsNull()) return {};
        if (!field.IsScalar()) wrong(path_of(name) + " is not a text");
        return field.Scalar();
    }
    bool flag(const char* name) const {
        const std::string value = text(name);
        if (value.empty() || value == "false") return false;
        if (value != "true") wrong(path_of(name) + " is neither true nor false");
        return true;
    }
    Section section(const char* name) const { return {at(name), path_of(name)}; }
    void refuse(std::initializer_list<const char*> names, const std::string& why) const {
        for (const char* name : names) {
            const auto field = at(name);
            if (field && !field.IsNull() && !(field.IsScalar() && field.Scalar().empty()))
                wrong(path_of(name) + " " + why);
        }
    }
    // The one of that name in a list of {name, <field>}.
    Section named(const char* list, const std::string& name, const char* field) const {
        const auto entries = at(list);
        if (entries && !entries.IsNull() && !entries.IsSequence()) wrong(path_of(list) + " is not a list");
        if (entries) {
            for (std::size_t i = 0; i < entries.size(); ++i) {
                const Section one(entries[i], std::string(list) + "[]");
                if (one.text("name") == name) return {one.at(field), std::string(list) + "[" + name + "]." + field};
            }
        }
        wrong(std::string(list) + " has no '" + name + "'");
    }
    std::string path_of(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

private:
    YAML::Node at(const char* name) const {
        if (!node_ || !node_.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
        return node_[name];
    }

    const YAML::Node node_;  // const: looking a field up adds none
    std::string path_;
};

std::string from(const Section& section, const std::string& name, const KubeconfigSource& source) {
    const std::string data_name = name + "-data";
    if (const std::string data = section.text(data_name.c_str()); !data.empty()) {
        auto decoded = base64_decode(data);
        if (!decoded) wrong(section.path_of(data_name) + " is not base64");
        return std::move(*decoded);
    }
    const std::string path = section.text(name.c_str());
    if (path.empty()) return {};
    auto text = source.read((std::filesystem::path(source.folder) / path).string());
    if (!text) throw Wrong{{text.error().code, section.path_of(name) + ": " + text.error().message}};
    return std::move(*text);
}

Connection read(std::string_view text, const KubeconfigSource& source) {
    if (text.size() > largest) wrong("is larger than 1 MiB");
    const Section root(YAML::Load(std::string(text)), "");
    const std::string context_name = source.context.empty() ? root.text("current-context") : source.context;
    if (context_name.empty()) wrong("current-context is not set, and no context was asked for");
    const Section context = root.named("contexts", context_name, "context");
    const Section cluster = root.named("clusters", context.text("cluster"), "cluster");

    Connection made;
    made.namespace_name = context.text("namespace");
    made.server = cluster.text("server");
    if (!made.server.starts_with("https://") && !made.server.starts_with("http://")) {
        wrong(cluster.path_of("server") + " is not the address of an HTTP server");
    }
    while (made.server.ends_with('/')) made.server.pop_back();
    cluster.refuse({"proxy-url", "tls-server-name"}, "is not supported");
    made.tls.ca = from(cluster, "certificate-authority", source);
    made.tls.verify = !cluster.flag("insecure-skip-tls-verify");
    made.token = Token::fixed("");
    const std::string user_name = context.text("user");
    if (user_name.empty()) return made;

    const Section user = root.named("users", user_name, "user");
    user.refuse(
        {"exec", "auth-provider"},
        "runs another program for the credentials, which is not supported: use a token or a client certificate");
    user.refuse({"username", "password", "as"}, "is not supported: use a token or a client certificate");
    made.tls.certificate = from(user, "client-certificate", source);
    made.tls.key = from(user, "client-key", source);
    if (made.tls.certificate.empty() != made.tls.key.empty()) {
        wrong(user.path_of("client-certificate") + " and client-key need each other");
    }
    const std::string token = user.text("token");
    const std::string token_file = user.text("tokenFile");
    if (!token_file.empty()) {
        made.token = Token::from_file((std::filesystem::path(source.folder) / token_file).string());
    } else if (!token.empty()) {
        made.token = Token::fixed(token);
    }
    return made;
}

}  // namespace

Result<Connection> parse_kubeconfig(std::string_view text, const KubeconfigSource& source) {
    try {
        return read(text, source);
    } catch (const Wrong& problem) {
        return tl::unexpected(problem.error);
    } catch (const YAML::Exception& problem) {
        return failure(Error::Code::invalid, std::string("is no YAML: ") + problem.what());
    }
}

Result<Connection> load_kubeconfig(const std::string& path, const std::string& context) {
    const auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    auto connection = parse_kubeconfig(*text, {context, std::filesystem::path(path).parent_path().string(), read_file});
    if (!connection) connection.error().message.insert(0, path + ": ");
    return connection;
}

}  // namespace drover::kube
