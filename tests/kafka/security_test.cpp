// Encryption, identity and permissions, on a Kafka that asks for them.
#include <gmock/gmock.h>

#include "tests/kafka/test_broker.h"

namespace drover::kafka::test {
namespace {

using testing::HasSubstr;

Settings with_certificate() {
    return {{"bootstrap.servers", environment("DROVER_TEST_KAFKA_TLS")},
            {"security.protocol", "ssl"},
            {"ssl.ca.location", environment("DROVER_TEST_KAFKA_TLS_CA")},
            {"ssl.certificate.location", environment("DROVER_TEST_KAFKA_TLS_CERT")},
            {"ssl.key.location", environment("DROVER_TEST_KAFKA_TLS_KEY")}};
}

Settings with_password(const std::string& mechanism, const char* user = "DROVER_TEST_KAFKA_SASL_USER") {
    return {{"bootstrap.servers", environment("DROVER_TEST_KAFKA_SASL")},
            {"security.protocol", "sasl_plaintext"},
            {"sasl.mechanisms", mechanism},
            {"sasl.username", environment(user)},
            {"sasl.password", environment("DROVER_TEST_KAFKA_SASL_PASSWORD")}};
}

// A job's way through all our clients.
void expect_to_work(const Settings& settings) {
    const auto secure = must(Admin::connect(settings, patience));
    const auto topic = unique("secure");
    must(secure->ensure_topics({{topic, 1, 1, {}}}));
    Wakeup wakeup;
    const auto producer = must(Producer::create(settings, wakeup));
    must(producer->produce({topic, "k", "v", {}}, 1));
    bool acknowledged = false;
    EXPECT_TRUE(wait_until(wakeup, [&] {
        for (const auto& delivery : producer->poll()) acknowledged = delivery.outcome.has_value();
        return producer->in_flight() == 0;
    }));
    EXPECT_TRUE(acknowledged);
    Reader reader({}, settings);
    reader.start(1, topic, 0, Fetcher::earliest);
    EXPECT_TRUE(reader.wait_for_records(1, 1));
    Member member(unique("group"), {topic}, settings);
    EXPECT_TRUE(wait_until(member.wakeup, [&] {
        member.turn();
        return member.owned.size() == 1;
    }));
    EXPECT_EQ(member.commit({{{topic, 0}, 1, "m"}}).partitions.at(0).second, std::nullopt);
}

TEST(KafkaSecurity, a_client_certificate_is_accepted) { expect_to_work(with_certificate()); }

TEST(KafkaSecurity, scram_sha_256_is_accepted) { expect_to_work(with_password("SCRAM-SHA-256")); }

TEST(KafkaSecurity, scram_sha_512_over_tls_is_accepted) {
    auto settings = with_password("SCRAM-SHA-512");
    settings["bootstrap.servers"] = environment("DROVER_TEST_KAFKA_SASL_TLS");
    settings["security.protocol"] = "sasl_ssl";
    settings["ssl.ca.location"] = environment("DROVER_TEST_KAFKA_TLS_CA");
    expect_to_work(settings);
}

TEST(KafkaSecurity, a_wrong_password_is_unauthorized_at_once_for_an_admin) {
    auto settings = with_password("SCRAM-SHA-256");
    settings["sasl.password"] = "wrong";
    const auto refused = Admin::connect(settings, patience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::unauthorized) << refused.error().message;
    EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("wrong password")));
}

TEST(KafkaSecurity, a_wrong_password_is_a_trouble_of_every_client_and_none_hangs) {
    auto settings = with_password("SCRAM-SHA-256");
    settings["sasl.password"] = "wrong";
    Member member(unique("group"), {"topic"}, settings);
    const auto unauthorized = [](const std::vector<ClientError>& troubles) {
        return std::ranges::any_of(troubles, [](const ClientError& trouble) {
            return trouble.error.code == Error::Code::unauthorized && !trouble.fatal && !trouble.broker.empty();
        });
    };
    EXPECT_TRUE(wait_until(member.wakeup, [&] {
        member.turn();
        return unauthorized(member.troubles);
    }));
    member.member->close();
    EXPECT_TRUE(wait_until(member.wakeup, [&] {
        member.turn();
        return member.closed;
    }));
    Reader reader({}, settings);
    reader.start(1, "topic", 0, 0);
    EXPECT_TRUE(wait_until(reader.wakeup, [&] { return unauthorized(reader.fetcher->serve()); }));
    Wakeup wakeup;
    const auto producer = must(Producer::create(settings, wakeup));
    EXPECT_TRUE(wait_until(wakeup, [&] {
        producer->poll();
        return unauthorized(producer->troubles());
    }));
}

TEST(KafkaSecurity, no_certificate_where_one_is_demanded_is_an_error_and_not_a_hang) {
    auto settings = with_certificate();
    settings.erase("ssl.certificate.location");
    settings.erase("ssl.key.location");
    const auto refused = Admin::connect(settings, patience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::unauthorized) << refused.error().message;
}

TEST(KafkaSecurity, who_may_not_see_a_topic_or_a_group_is_told_so) {
    const auto all = must(Admin::connect(with_password("SCRAM-SHA-256"), patience));
    const auto topic = unique("private");
    must(all->ensure_topics({{topic, 1, 1, {}}}));
    const auto stranger = with_password("SCRAM-SHA-256", "DROVER_TEST_KAFKA_SASL_STRANGER");
    const auto strange = must(Admin::connect(stranger, patience));
    const auto topics = strange->topics({topic});
    ASSERT_FALSE(topics);
    EXPECT_EQ(topics.error().code, Error::Code::unauthorized) << topics.error().message;
    const auto positions = strange->group_positions("any");
    ASSERT_FALSE(positions);
    EXPECT_EQ(positions.error().code, Error::Code::unauthorized) << positions.error().message;

    Member member(unique("group"), {topic}, stranger);
    EXPECT_TRUE(wait_until(member.wakeup, [&] {
        member.turn();
        return std::ranges::any_of(member.troubles, [](const ClientError& trouble) {
            return trouble.error.code == Error::Code::unauthorized;
        });
    }));
}

}  // namespace
}  // namespace drover::kafka::test
