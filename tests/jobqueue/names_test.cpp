#include "src/jobqueue/names.h"

#include <gtest/gtest.h>

#include <array>

namespace drover::jobqueue {
namespace {

TEST(Names, of_queues_are_DNS_labels) {
    for (const char* name : {"email", "a", "0", "a-b-0"}) EXPECT_FALSE(check_queue_name(name)) << name;
    EXPECT_FALSE(check_queue_name(std::string(63, 'a')));
    for (const char* name : {"", "-a", "a-", "A", "a.b", "a_b", "a b", "é", "a\n"})
        EXPECT_TRUE(check_queue_name(name)) << name;
    EXPECT_TRUE(check_queue_name(std::string(64, 'a')));
}

TEST(Names, that_the_API_uses_are_refused_for_queues) {
    EXPECT_TRUE(check_queue_name("status"));
    EXPECT_TRUE(check_queue_name("test"));
    EXPECT_FALSE(check_queue_name("tests"));
}

TEST(Names, of_topics_follow_Kafkas_rules_and_leave_room_for_suffixes) {
    for (const char* name : {"email", "Email_1.b-c", "..."}) EXPECT_FALSE(check_topic(name)) << name;
    EXPECT_FALSE(check_topic(std::string(217, 'a')));
    for (const char* name : {"", ".", "..", "a b", "a/b", "é", "__consumer_offsets"})
        EXPECT_TRUE(check_topic(name)) << name;
    EXPECT_TRUE(check_topic(std::string(218, 'a')));
}

TEST(Names, of_secrets_are_labels_with_dots) {
    for (const char* name : {"a", "a.b", "kafka-client.v1"}) EXPECT_FALSE(check_dns_subdomain(name)) << name;
    for (const char* name : {"", ".", "a.", ".a", "a..b", "A"}) EXPECT_TRUE(check_dns_subdomain(name)) << name;
    std::string parts(60, 'a');
    for (int i = 0; i < 3; ++i) parts += "." + std::string(63, 'a');
    EXPECT_FALSE(check_dns_subdomain(parts));
    EXPECT_TRUE(check_dns_subdomain(parts + ".a"));
}

TEST(Names, of_paths_begin_with_a_slash_and_cannot_end_a_request_line) {
    for (const char* path : {"/", "/jobs/email?x=1", "/%20"}) EXPECT_FALSE(check_http_path(path)) << path;
    for (const char* path : {"", "jobs", "/a b", "/a\r\nHost: x", "/\x7F", "/é", "/#a"})
        EXPECT_TRUE(check_http_path(path)) << path;
}

TEST(Names, the_nearest_is_found_and_a_far_one_is_not) {
    static constexpr std::array<std::string_view, 4> known{"concurrency", "timeout", "per", "maxAttempts"};
    EXPECT_EQ(nearest_name("concurency", known), "concurrency");
    EXPECT_EQ(nearest_name("timeOut", known), "timeout");
    EXPECT_EQ(nearest_name("max_attempts", known), "maxAttempts");
    EXPECT_EQ(nearest_name("image", known), "");
    EXPECT_EQ(nearest_name("a", known), "");
    EXPECT_EQ(nearest_name("", known), "");
    EXPECT_EQ(nearest_name(std::string(100'000, 'c'), known), "");
}

}  // namespace
}  // namespace drover::jobqueue
