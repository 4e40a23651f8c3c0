#include "src/kube/kubeconfig.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/kube/in_cluster.h"

namespace drover::kube {
namespace {

using testing::HasSubstr;

class Folder : public testing::Test {
protected:
    Folder() {
        std::string made = (std::filesystem::temp_directory_path() / "drover-kube-XXXXXX").string();
        if (!::mkdtemp(made.data())) std::abort();
        path_ = made;
    }
    ~Folder() override { std::filesystem::remove_all(path_); }

    std::string write(const std::string& name, const std::string& text) {
        // As the kubelet does: the new file takes the old one's place at once.
        std::ofstream(path_ / (name + ".new")) << text;
        std::filesystem::rename(path_ / (name + ".new"), path_ / name);
        return (path_ / name).string();
    }

    std::filesystem::path path_;
};

std::string config(const std::string& user, const std::string& cluster = "", const std::string& current = "dev") {
    return R"(apiVersion: v1
kind: Config
current-context: )" +
           current + R"(
contexts:
- name: dev
  context: {cluster: local, user: me, namespace: shop}
- name: bare
  context: {cluster: local}
clusters:
- name: local
  cluster:
    server: https://127.0.0.1:6443/
)" + cluster +
           R"(
users:
- name: me
  user:
)" + user;
}

Result<Connection> parsed(const std::string& text, const std::string& context = "") {
    return parse_kubeconfig(text, {context, "/folder", [](const std::string& path) -> Result<std::string> {
                                       if (path.ends_with("absent")) return failure(Error::Code::not_found, path);
                                       return "content of " + path;
                                   }});
}

TEST(Kubeconfig, the_current_context_says_where_and_who) {
    const auto connection = parsed(config("    token: secret", "    certificate-authority-data: Q0E="));
    ASSERT_TRUE(connection) << connection.error().message;
    EXPECT_EQ(connection->server, "https://127.0.0.1:6443");
    EXPECT_EQ(connection->namespace_name, "shop");
    EXPECT_EQ(connection->tls.ca, "CA");
    EXPECT_TRUE(connection->tls.verify);
    EXPECT_EQ(connection->token->current(), "secret");
}

TEST(Kubeconfig, files_are_read_from_beside_it_and_data_goes_before_files) {
    const auto connection =
        parsed(config("    client-certificate: cert.pem\n    client-key: /else/key.pem\n    client-key-data: S0VZ",
                      "    certificate-authority: ca.pem"));
    ASSERT_TRUE(connection) << connection.error().message;
    EXPECT_EQ(connection->tls.ca, "content of /folder/ca.pem");
    EXPECT_EQ(connection->tls.certificate, "content of /folder/cert.pem");
    EXPECT_EQ(connection->tls.key, "KEY");
    EXPECT_EQ(connection->token->current(), "");
}

TEST(Kubeconfig, a_context_can_be_asked_for_and_needs_no_user) {
    const auto connection = parsed(config("    exec: {command: aws}", "    insecure-skip-tls-verify: true"), "bare");
    ASSERT_TRUE(connection) << connection.error().message;
    EXPECT_EQ(connection->namespace_name, "");
    EXPECT_FALSE(connection->tls.verify);
    EXPECT_EQ(connection->token->current(), "");
}

TEST(Kubeconfig, what_is_not_supported_or_wrong_is_named) {
    const std::pair<std::string, const char*> cases[] = {
        {config("    exec: {command: aws}"), "users[me].user.exec runs another program"},
        {config("    auth-provider: {name: gcp}"), "users[me].user.auth-provider runs another program"},
        {config("    username: me\n    password: x"), "users[me].user.username is not supported"},
        {config("    token: x", "    proxy-url: http://proxy"), "clusters[local].cluster.proxy-url is not supported"},
        {config("    token: x", "    tls-server-name: y"), "tls-server-name is not supported"},
        {config("    token: [x]"), "users[me].user.token is not a text"},
        {config("    token: x", "    insecure-skip-tls-verify: maybe"), "insecure-skip-tls-verify is neither"},
        {config("    token: x", "    certificate-authority-data: '***'"), "certificate-authority-data is not base64"},
        {config("    token: x", "    certificate-authority: absent"),
         "clusters[local].cluster.certificate-authority: "},
        {config("    client-key: key.pem"), "need each other"},
        {config("    token: x", "", "other"), "contexts has no 'other'"},
        {config("    token: x", "", ""), "current-context is not set"},
        {"current-context: a\ncontexts: {name: a}", "contexts is not a list"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]", "clusters has no 'c'"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: "
         "x}}]",
         "clusters[c].cluster.server is not the address"},
        {"- a list", "is not a mapping"},
        {"", "current-context is not set"},
        {"a: [", "is no YAML"},
        {std::string(2'000'000, ' '), "larger than 1 MiB"},
        {std::string(100'000, '['), "is no YAML"},
    };
    for (const auto& [text, message] : cases) {
        const auto connection = parsed(text);
        ASSERT_FALSE(connection) << message;
        EXPECT_THAT(connection.error().message, HasSubstr(message));
    }
}

class KubeconfigFile : public Folder {};

TEST_F(KubeconfigFile, is_loaded_with_what_lies_beside_it) {
    write("ca.pem", "the authority");
    write("token", "from a file\n");
    const auto path = write("config", config("    tokenFile: token", "    certificate-authority: ca.pem"));
    const auto connection = load_kubeconfig(path);
    ASSERT_TRUE(connection) << connection.error().message;
    EXPECT_EQ(connection->tls.ca, "the authority");
    EXPECT_EQ(connection->token->current(), "from a file");

    const auto absent = load_kubeconfig(path + "-absent");
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code, Error::Code::not_found);
    EXPECT_THAT(load_kubeconfig(path, "other").error().message, HasSubstr(path));
}

class TokenFile : public Folder {};

TEST_F(TokenFile, is_read_anew_when_it_has_changed) {
    const auto token = Token::from_file(write("token", "first\n"));
    EXPECT_EQ(token->current(), "first");
    write("token", "other");  // of the same length and, maybe, in the same moment
    EXPECT_EQ(token->current(), "other");
    write("token", " \n");
    EXPECT_FALSE(token->current());
    write("token", "third");
    EXPECT_EQ(token->current(), "third");
    std::filesystem::remove(path_ / "token");
    const auto gone = token->current();
    ASSERT_FALSE(gone);
    EXPECT_THAT(gone.error().message, HasSubstr("token"));
}

class InCluster : public Folder {};

TEST_F(InCluster, a_pod_has_a_service_account) {
    write("token", "abc");
    write("ca.crt", "the authority");
    write("namespace", "shop");
    const auto connection = in_cluster({"10.0.0.1", "443", path_.string()});
    ASSERT_TRUE(connection) << connection.error().message;
    EXPECT_EQ(connection->server, "https://10.0.0.1:443");
    EXPECT_EQ(connection->tls.ca, "the authority");
    EXPECT_EQ(connection->namespace_name, "shop");
    EXPECT_EQ(connection->token->current(), "abc");
    EXPECT_EQ(in_cluster({"fd00::1", "443", path_.string()})->server, "https://[fd00::1]:443");
}

TEST_F(InCluster, what_is_missing_is_named) {
    EXPECT_THAT(in_cluster({"", "443", path_.string()}).error().message, HasSubstr("KUBERNETES_SERVICE_HOST"));
    EXPECT_THAT(in_cluster({"h", "443", path_.string()}).error().message, HasSubstr("ca.crt"));
    write("ca.crt", "x");
    EXPECT_THAT(in_cluster({"h", "443", path_.string()}).error().message, HasSubstr("/token"));
    write("token", "x");
    EXPECT_THAT(in_cluster({"h", "443", path_.string()}).error().message, HasSubstr("/namespace"));
}

}  // namespace
}  // namespace drover::kube
