#include "gateway/core/router.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

Router<int> routes() {
    Router<int> router;
    router.add("GET", "/v1/queues", 1);
    router.add("POST", "/v1/queues/{queue}/jobs", 2);
    router.add("GET", "/v1/queues/{queue}/jobs", 3);
    router.add("POST", "/v1/queues/{queue}/jobs:batch", 4);
    router.add("GET", "/queues/status", 5);
    router.add("GET", "/queues/{queue}", 6);
    return router;
}

TEST(Router, finds_a_route_and_its_parts_C1) {
    const Router<int> router = routes();
    const auto found = router.find("POST", "/v1/queues/shop.email/jobs");
    ASSERT_NE(found.route, nullptr);
    EXPECT_EQ(found.route->target, 2);
    EXPECT_EQ(found.parts, (PathParts{{"queue", "shop.email"}}));
    EXPECT_EQ(router.find("POST", "/v1/queues/a/jobs:batch").route->target, 4);
    EXPECT_EQ(router.find("HEAD", "/v1/queues").route->target, 1);
    EXPECT_EQ(router.find("GET", "/queues/status").route->target, 5);
    EXPECT_EQ(router.find("GET", "/queues/email").route->target, 6);
}

TEST(Router, decodes_each_segment_by_itself_C2) {
    const auto found = routes().find("GET", "/v1/queues/a%2Fb%20c%252F/j%6Fbs");
    ASSERT_NE(found.route, nullptr);
    EXPECT_EQ(found.parts, (PathParts{{"queue", "a/b c%2F"}}));
    EXPECT_EQ(routes().find("GET", "/v1/queues/a%2Fjobs").route, nullptr);
    EXPECT_EQ(routes().find("GET", "/v1%2Fqueues").route, nullptr);
}

TEST(Router, says_which_methods_a_path_has_C15) {
    const auto found = routes().find("DELETE", "/v1/queues/a/jobs");
    EXPECT_EQ(found.route, nullptr);
    EXPECT_EQ(found.allowed, "POST, GET");
}

TEST(Router, finds_nothing_else) {
    for (const char* path :
         {"", "/", "/v1", "/v1/queues/", "/v1/queues//jobs", "/v1/queues/a/b/jobs", "v1/queues", "/v1/queues/a/jobs/",
          "//v1/queues", "/v1/queues/a/jobs:batc", "/v1/queues/a%2/jobs", "/v1/queues/%zz/jobs"}) {
        const auto found = routes().find("GET", path);
        EXPECT_EQ(found.route, nullptr) << path;
        EXPECT_EQ(found.allowed, "") << path;
    }
}

}  // namespace
}  // namespace drover::gateway
