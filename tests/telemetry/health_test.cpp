#include "src/telemetry/health.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace drover::telemetry {
namespace {

TEST(Health, is_live_but_not_ready_before_anything_is_known) {
    const Health health;
    EXPECT_TRUE(health.live());
    EXPECT_FALSE(health.ready());
    EXPECT_EQ(health.json(), R"({"live":true,"ready":false,"checks":{}})");
}

TEST(Health, is_ready_when_every_check_passes) {
    Health health;
    health.set("kafka", true);
    health.set("worker", false, "nobody listens on port 8080");
    EXPECT_FALSE(health.ready());
    EXPECT_TRUE(health.live());
    health.set("worker", true);
    EXPECT_TRUE(health.ready());
}

TEST(Health, is_neither_live_nor_ready_when_a_liveness_check_fails) {
    Health health;
    health.set("kafka", true);
    health.set("loop", false, "stuck", Health::Kind::liveness);
    EXPECT_FALSE(health.live());
    EXPECT_FALSE(health.ready());
    health.remove("loop");
    health.remove("never there");
    EXPECT_TRUE(health.ready());
}

TEST(Health, its_json_gives_every_reason_whatever_bytes_it_has) {
    Health health;
    health.set("kafka", false, "broker said \"\xff\n\"");
    const auto json = nlohmann::json::parse(health.json());
    EXPECT_EQ(json["checks"]["kafka"]["reason"], "broker said \"\xef\xbf\xbd\n\"");
    EXPECT_EQ(json["checks"]["kafka"]["ok"], false);
    EXPECT_EQ(json["checks"]["kafka"]["kind"], "readiness");
}

}  // namespace
}  // namespace drover::telemetry
