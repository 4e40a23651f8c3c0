#include "gateway/core/queue_directory.h"

#include <gtest/gtest.h>

#include "src/jobqueue/queue_record.h"

namespace drover::gateway {
namespace {

jobqueue::ControlMessage record(const std::string& name, const std::string& schema = "{}") {
    jobqueue::JobQueue queue;
    queue.ns = "shop";
    queue.name = name;
    queue.schemas_json = {{"send", schema}};
    return jobqueue::queue_record(queue);
}

class QueueDirectoryTest : public ::testing::Test {
protected:
    bool tell(const jobqueue::ControlMessage& message) {
        return directory_.apply(message.key, message.value).has_value();
    }
    QueueDirectory directory_{"shop"};
};

TEST_F(QueueDirectoryTest, finds_a_queue_by_its_whole_name_and_in_the_default_namespace_C4) {
    EXPECT_TRUE(tell(record("email")));
    ASSERT_NE(directory_.find("shop.email"), nullptr);
    EXPECT_EQ(directory_.find("email"), directory_.find("shop.email"));
    EXPECT_EQ(directory_.find("email")->topics.main, "shop.email");
    EXPECT_EQ(directory_.find("other.email"), nullptr);
    EXPECT_EQ(directory_.find(""), nullptr);
}

TEST_F(QueueDirectoryTest, forgets_a_queue_that_is_gone) {
    tell(record("email"));
    tell({.key = "queue/shop.email", .value = std::nullopt});
    EXPECT_EQ(directory_.find("email"), nullptr);
}

TEST_F(QueueDirectoryTest, keeps_what_it_knew_where_a_record_cannot_be_understood) {
    tell(record("email"));
    EXPECT_FALSE(tell({.key = "queue/shop.email", .value = "{}"}));
    EXPECT_FALSE(tell({.key = "queue/shop.sms", .value = record("email").value}));
    EXPECT_NE(directory_.find("email"), nullptr);
    EXPECT_EQ(directory_.find("sms"), nullptr);
}

TEST_F(QueueDirectoryTest, a_schema_that_is_none_is_known_as_such_C1) {
    tell(record("email", R"({"type": 7})"));
    ASSERT_NE(directory_.find("email"), nullptr);
    EXPECT_FALSE(directory_.find("email")->schemas.at("send"));
}

}  // namespace
}  // namespace drover::gateway
