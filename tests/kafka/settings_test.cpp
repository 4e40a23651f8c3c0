#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/kafka/admin.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/group_member.h"
#include "src/kafka/producer.h"

namespace drover::kafka {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string nobody = "127.0.0.1:1";  // no port of ours: connections are refused at once

TEST(KafkaSettings, every_wrong_one_is_named_at_once) {
    Wakeup wakeup;
    const auto producer = Producer::create(
        {{"bootstrap.servers", nobody}, {"securty.protocol", "ssl"}, {"socket.timeout.ms", "soon"}}, wakeup);
    ASSERT_FALSE(producer);
    EXPECT_EQ(producer.error().code, Error::Code::invalid);
    EXPECT_FALSE(producer.error().retryable);
    EXPECT_THAT(producer.error().message, AllOf(HasSubstr("securty.protocol"), HasSubstr("socket.timeout.ms")));
}

TEST(KafkaSettings, bootstrap_servers_must_be_given) {
    Wakeup wakeup;
    const auto fetcher = Fetcher::create({}, {}, wakeup);
    ASSERT_FALSE(fetcher);
    EXPECT_THAT(fetcher.error().message, HasSubstr("bootstrap.servers"));
}

TEST(KafkaSettings, a_password_does_not_show_in_a_message) {
    Wakeup wakeup;
    const auto producer = Producer::create({{"bootstrap.servers", nobody}, {"sasl.pasword", "hunter2"}}, wakeup);
    ASSERT_FALSE(producer);
    EXPECT_THAT(producer.error().message, AllOf(HasSubstr("sasl.pasword"), Not(HasSubstr("hunter2"))));
}

TEST(KafkaSettings, those_that_run_code_in_our_process_are_refused) {
    for (const auto* name :
         {"plugin.library.paths", "sasl.kerberos.kinit.cmd", "ssl.engine.location", "ssl.providers"}) {
        Wakeup wakeup;
        const auto producer = Producer::create({{"bootstrap.servers", nobody}, {name, "x"}}, wakeup);
        ASSERT_FALSE(producer) << name;
        EXPECT_THAT(producer.error().message, HasSubstr(name));
    }
}

TEST(KafkaSettings, a_certificate_that_is_not_there_is_an_error_that_says_so) {
    Wakeup wakeup;
    const auto fetcher = Fetcher::create(
        {{"bootstrap.servers", nobody}, {"security.protocol", "ssl"}, {"ssl.ca.location", "/nonexistent/ca.pem"}}, {},
        wakeup);
    ASSERT_FALSE(fetcher);
    EXPECT_EQ(fetcher.error().code, Error::Code::invalid);
    EXPECT_THAT(fetcher.error().message, HasSubstr("ssl.ca.location"));
}

TEST(KafkaSettings, what_a_client_depends_on_is_not_the_users_to_change) {
    Wakeup wakeup;
    EXPECT_TRUE(Fetcher::create({{"bootstrap.servers", nobody}, {"enable.auto.commit", "true"}}, {}, wakeup));
    EXPECT_TRUE(Producer::create({{"bootstrap.servers", nobody}, {"enable.idempotence", "false"}}, wakeup));
}

TEST(KafkaSettings, a_member_needs_a_poll_interval_that_is_not_below_its_session) {
    Wakeup wakeup;
    GroupOptions options{"group", {"topic"}, milliseconds(6000), milliseconds(500), milliseconds(100)};
    const auto member = GroupMember::join({{"bootstrap.servers", nobody}}, options, wakeup);
    ASSERT_FALSE(member);
    EXPECT_THAT(member.error().message, HasSubstr("max.poll.interval.ms"));
}

TEST(KafkaSettings, an_admin_says_why_there_is_no_broker) {
    const auto admin = Admin::connect({{"bootstrap.servers", nobody}}, milliseconds(1000));
    ASSERT_FALSE(admin);
    EXPECT_EQ(admin.error().code, Error::Code::unavailable);
    EXPECT_TRUE(admin.error().retryable);
    EXPECT_THAT(admin.error().message, HasSubstr(nobody));
}

}  // namespace
}  // namespace drover::kafka
