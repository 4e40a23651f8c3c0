#include "operator/core/kafka_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/base64.h"

namespace drover::operator_core {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

jobqueue::JobQueue queue(std::map<std::string, std::string> settings = {}) {
    jobqueue::JobQueue made{.name = "email", .ns = "shop"};
    made.kafka.bootstrap_servers = "kafka-1:9092,kafka-2:9092";
    made.kafka.auth_secret = "kafka-client";
    made.kafka.settings = std::move(settings);
    return made;
}

json secret(const std::map<std::string, std::string>& values) {
    json data = json::object();
    for (const auto& [name, value] : values) data[name] = base64_encode(value);
    return {{"kind", "Secret"}, {"data", data}};
}

TEST(KafkaAccess, D5_settings_of_queue_and_secret_go_together) {
    const json given = secret({{"sasl.username", "shop"}, {"sasl.password", "s3cret\n"}});
    const auto settings = kafka_settings_of(queue({{"security.protocol", "SASL_PLAINTEXT"}}), &given, {});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(*settings, (std::map<std::string, std::string>{{"bootstrap.servers", "kafka-1:9092,kafka-2:9092"},
                                                             {"sasl.password", "s3cret"},
                                                             {"sasl.username", "shop"},
                                                             {"security.protocol", "SASL_PLAINTEXT"}}));
}

TEST(KafkaAccess, brokers_that_are_not_allowed_get_nothing) {
    const auto refused = kafka_settings_of(queue(), nullptr, {"kafka-1:9092", "kafka-3:9092"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::unauthorized);
    EXPECT_THAT(refused.error().message, HasSubstr("kafka-2:9092 is not among the brokers"));
    EXPECT_TRUE(kafka_settings_of(queue(), nullptr, {"kafka-1:9092", "kafka-2:9092", "kafka-3:9092"}));
}

TEST(KafkaAccess, no_setting_leads_elsewhere_or_to_the_operators_own_files) {
    for (const char* name : {"bootstrap.servers", "metadata.broker.list", "ssl.ca.location", "ssl.key.location",
                             "plugin.library.paths", "sasl.kerberos.kinit.cmd", "sasl.oauthbearer.token.endpoint.url",
                             "ssl.engine.location", "ssl.providers", "https.ca.location", "debug"}) {
        const json given = secret({{name, "/etc/passwd"}});
        const auto from_secret = kafka_settings_of(queue(), &given, {});
        ASSERT_FALSE(from_secret) << name;
        EXPECT_EQ(from_secret.error().code, Error::Code::unauthorized);
        EXPECT_THAT(from_secret.error().message, HasSubstr(name));
        EXPECT_FALSE(kafka_settings_of(queue({{name, "/etc/passwd"}}), nullptr, {})) << name;
    }
}

TEST(KafkaAccess, a_secret_that_cannot_be_read_is_named_and_its_values_are_not) {
    const json wrong{{"data", {{"sasl.password", "%%hidden%%"}}}};
    const auto refused = kafka_settings_of(queue(), &wrong, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::invalid);
    EXPECT_EQ(refused.error().message, "Secret kafka-client: sasl.password is not base64");
}

}  // namespace
}  // namespace drover::operator_core
