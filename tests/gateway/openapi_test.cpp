#include "gateway/openapi.h"

#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gateway/routes.h"

namespace drover::gateway {
namespace {

std::set<std::string> served() {
    boost::asio::io_context io;
    GatewayState state(io, {});
    Routes routes;
    add_all_routes(routes, state);
    std::set<std::string> all;
    for (const Routes::Route& route : routes.routes()) {
        if (route.pattern.starts_with("/v1/") && route.pattern != "/v1/openapi.json") {
            all.insert(std::string(route.method) + " " + std::string(route.pattern));
        }
    }
    return all;
}

std::set<std::string> documented() {
    std::set<std::string> all;
    const auto document = nlohmann::json::parse(openapi_document());
    for (const auto& [path, operations] : document.at("paths").items()) {
        for (const auto& [method, operation] : operations.items()) {
            if (method == "parameters") continue;
            std::string upper = method;
            for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            all.insert(upper + " " + path);
        }
    }
    return all;
}

TEST(OpenApi, documents_what_is_served_and_nothing_else_C15) { EXPECT_EQ(documented(), served()); }

}  // namespace
}  // namespace drover::gateway
