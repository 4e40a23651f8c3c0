#include "src/http/request_target.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace drover::http {
namespace {

using namespace std::string_literals;

TEST(RequestTarget, decodes_the_path_and_leaves_the_query) {
    const auto target = parse_request_target("/jobs/a%20b%2Fc%C3%BC?x=%20&y=/?");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, "/jobs/a b/cü");
    EXPECT_EQ(target->query, "x=%20&y=/?");
}

TEST(RequestTarget, understands_the_forms_of_a_target) {
    EXPECT_EQ(parse_request_target("http://host:1/a?b")->path, "/a");
    EXPECT_EQ(parse_request_target("http://host?b")->query, "b");
    EXPECT_EQ(parse_request_target("http://host")->path, "/");
    EXPECT_EQ(parse_request_target("*")->path, "*");
    EXPECT_EQ(parse_request_target("//a")->path, "//a");
}

TEST(RequestTarget, refuses_bad_escapes_and_control_characters) {
    for (const auto& target : {""s, "jobs"s, "host:443"s, "/%"s, "/%4"s, "/%zz"s, "/%00"s, "/a%0d%0aX"s, "/%7f"s,
                               "/a\nb"s, "/a#b"s, "/a?b c"s, "/a?\0"s, "ftp://host/"s}) {
        EXPECT_FALSE(parse_request_target(target)) << target;
    }
}

RC_GTEST_PROP(RequestTarget, never_lets_a_control_character_into_a_path, (const std::string& text)) {
    const auto target = parse_request_target("/" + text);
    for (const char c : target ? target->path : "") RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace
}  // namespace drover::http
