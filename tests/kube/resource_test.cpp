#include "src/kube/resource.h"

#include <gtest/gtest.h>

namespace drover::kube {
namespace {

const Resource pods{"", "v1", "pods", "Pod"};
const Resource nodes{"", "v1", "nodes", "Node", false};

TEST(Resource, has_the_paths_of_kubernetes) {
    EXPECT_EQ(collection_path(pods, ""), "/api/v1/pods");
    EXPECT_EQ(collection_path(pods, "shop"), "/api/v1/namespaces/shop/pods");
    EXPECT_EQ(collection_path(nodes, "shop"), "/api/v1/nodes");
    EXPECT_EQ(object_path(leases, {"shop", "drover"}), "/apis/coordination.k8s.io/v1/namespaces/shop/leases/drover");
    EXPECT_EQ(object_path(pods, {"shop", "a"}, "status"), "/api/v1/namespaces/shop/pods/a/status");
}

TEST(Resource, nothing_in_a_name_or_a_parameter_gets_out_of_its_place) {
    EXPECT_EQ(object_path(pods, {"s/h", "a?b#c%"}), "/api/v1/namespaces/s%2Fh/pods/a%3Fb%23c%25");
    EXPECT_EQ(query_text({{"labelSelector", "app=a&b,c in (d)"}, {"continue", ""}, {"limit", "5"}}),
              "?labelSelector=app%3Da%26b%2Cc%20in%20%28d%29&limit=5");
    EXPECT_EQ(query_text({}), "");
    for (const auto* no_segment : {"", ".", "..", "a/b", "a%2f"})
        EXPECT_FALSE(is_path_segment(no_segment)) << no_segment;
    EXPECT_TRUE(is_path_segment("system:node:a.b"));
}

}  // namespace
}  // namespace drover::kube
