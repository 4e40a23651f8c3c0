#include "tests/kube/scripted_api_server.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace drover::kube::test {

using http::test::answer_with;
using http::test::RawSocket;
using nlohmann::json;

std::string Asked::parameter(const std::string& name) const {
    auto query = "&" + target.substr(target.find('?') + 1) + "&";
    const auto at = query.find("&" + name + "=");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 2;
    return query.substr(begin, query.find('&', begin) - begin);
}

void Turn::answer(int status, const json& body, std::string_view headers) {
    socket_.write(answer_with(body.dump(), std::to_string(status) + " Said",
                              "Content-Type: application/json\r\n" + std::string(headers)));
}

void Turn::refuse(int status, std::string_view reason, std::string_view headers) {
    answer(
        status,
        {{"kind", "Status"}, {"status", "Failure"}, {"reason", reason}, {"code", status}, {"message", "says the stub"}},
        headers);
}

void Turn::begin_stream() {
    socket_.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
}

std::string Turn::line(std::string_view type, const json& object) {
    return json{{"type", type}, {"object", object}}.dump() + "\n";
}

void Turn::raw(std::string_view bytes) {
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    socket_.write(size.data() + std::string(bytes) + "\r\n");
}

void Turn::end_stream() { socket_.write("0\r\n\r\n"); }

void Turn::wait_for_hang_up() {
    socket_.read_to_end();
    cut();
}

ScriptedApiServer::ScriptedApiServer(Script script)
    : script_(std::move(script)), worker_([this](RawSocket& socket) { serve(socket); }) {}

void ScriptedApiServer::serve(RawSocket& socket) {
    for (;;) {
        const std::string message = socket.read_message();
        const auto head_end = message.find("\r\n\r\n");
        if (head_end == std::string::npos) return;
        const auto method_end = message.find(' ');
        const auto target_end = message.find(' ', method_end + 1);
        Asked asked{message.substr(0, method_end), message.substr(method_end + 1, target_end - method_end - 1),
                    message.substr(0, head_end), message.substr(head_end + 4)};
        {
            const std::scoped_lock lock(mutex_);
            asked_.push_back(asked);
        }
        Turn turn(socket);
        script_(asked, turn);
        if (turn.is_cut()) return;
    }
}

std::unique_ptr<ApiClient> ScriptedApiServer::client(ApiClientSettings settings, const std::string& token) const {
    Connection connection;
    connection.server = "http://127.0.0.1:" + std::to_string(worker_.port());
    connection.token = Token::fixed(token);
    auto made = ApiClient::create(connection, settings);
    if (!made) {
        std::fprintf(stderr, "%s\n", made.error().message.c_str());
        std::abort();
    }
    return std::move(*made);
}

std::vector<Asked> ScriptedApiServer::asked() const {
    const std::scoped_lock lock(mutex_);
    return asked_;
}

json object(const std::string& name, int version) {
    return {{"apiVersion", "drover.dev/v1alpha1"},
            {"kind", "JobQueue"},
            {"metadata", {{"namespace", "shop"}, {"name", name}, {"resourceVersion", std::to_string(version)}}}};
}

json bookmark(int version) { return {{"metadata", {{"resourceVersion", std::to_string(version)}}}}; }

json list_of(std::vector<json> objects, int version, const std::string& next) {
    for (auto& item : objects) {
        if (!item.is_object()) continue;
        item.erase("apiVersion");
        item.erase("kind");
    }
    return {{"kind", "JobQueueList"},
            {"metadata", {{"resourceVersion", std::to_string(version)}, {"continue", next}}},
            {"items", objects}};
}

}  // namespace drover::kube::test
