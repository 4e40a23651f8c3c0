#include "gateway/core/access.h"

#include <gtest/gtest.h>

#include "src/base/digest.h"

namespace drover::gateway {
namespace {

const Time now = *parse_rfc3339("2026-11-26T20:00:00Z");

Access parsed(std::string_view text) {
    Access::Parsed parsed = Access::parse(text, "tokens.yaml");
    EXPECT_TRUE(parsed.problems.empty()) << format_problem(parsed.problems.front());
    return std::move(parsed.access);
}

TEST(Access, knows_a_token_by_its_digest_C14) {
    const Access access = parsed("tokens: [{name: app, sha256: " + sha256_hex("s3cret") + ", roles: [submit]}]");
    ASSERT_NE(access.bearer("Bearer s3cret", now), nullptr);
    EXPECT_EQ(access.bearer("bearer s3cret", now)->name, "app");
    for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer S3cret", "Basic s3cret", "s3cret", "Bearer s3cret "}) {
        EXPECT_EQ(access.bearer(wrong, now), nullptr) << wrong;
    }
}

TEST(Access, a_token_that_has_expired_is_nobodys_C14) {
    const Access access = parsed("tokens: [{name: a, token: t, roles: [view], expires: '2026-11-26T20:00:00Z'}]");
    EXPECT_EQ(access.bearer("Bearer t", now), nullptr);
    EXPECT_NE(access.bearer("Bearer t", now - std::chrono::milliseconds(1)), nullptr);
}

TEST(Access, a_role_holds_on_its_queues_only_C14) {
    const AccessToken token{.name = "a", .sha256 = "", .roles = {Role::operate}, .queues = {"shop.*", "mail.in"}};
    EXPECT_TRUE(may(token, Role::operate, "shop.email"));
    EXPECT_TRUE(may(token, Role::view, "mail.in"));
    EXPECT_TRUE(may(token, Role::submit, "mail.in"));
    EXPECT_FALSE(may(token, Role::admin, "shop.email"));
    EXPECT_FALSE(may(token, Role::view, "shops.email"));
    EXPECT_FALSE(may(token, Role::view, "mail.inn"));
    EXPECT_FALSE(may({.name = "b", .sha256 = "", .roles = {Role::submit}}, Role::view, "shop.email"));
    EXPECT_FALSE(may({.name = "b", .sha256 = "", .roles = {Role::view}}, Role::submit, "shop.email"));
    EXPECT_TRUE(may(Access::anonymous(), Role::admin, "any"));
}

TEST(Access, names_every_problem_of_a_file_C14) {
    const auto problems =
        Access::parse("tokens:\n- {sha256: abc, roles: [reader], expires: soon, colour: red}\n- {name: b, roles: []}\n",
                      "tokens.yaml")
            .problems;
    std::string all;
    for (const jobqueue::Problem& problem : problems) all += format_problem(problem) + "\n";
    for (const char* part : {"tokens.yaml:2: tokens[0].name: is missing", "sha256: must be 64", "not reader",
                             "expires: must be a time", "colour", "tokens[1].sha256: or token has to be given"}) {
        EXPECT_NE(all.find(part), all.npos) << part << " in\n" << all;
    }
}

TEST(Pattern, a_star_stands_for_any_characters) {
    for (const auto& [pattern, text] : std::initializer_list<std::pair<const char*, const char*>>{{"*", ""},
                                                                                                  {"*", "abc"},
                                                                                                  {"a*c", "abc"},
                                                                                                  {"a*c", "ac"},
                                                                                                  {"*b*", "abc"},
                                                                                                  {"abc", "abc"},
                                                                                                  {"a*b*c", "aXbYbZc"}})
        EXPECT_TRUE(matches_pattern(pattern, text)) << pattern << " " << text;
    for (const auto& [pattern, text] : std::initializer_list<std::pair<const char*, const char*>>{
             {"", "a"}, {"a", ""}, {"a*c", "abd"}, {"*b", "abc"}, {"abc", "abcd"}, {"a*a", "a"}})
        EXPECT_FALSE(matches_pattern(pattern, text)) << pattern << " " << text;
    EXPECT_FALSE(matches_pattern("*a*a*a*a*b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace drover::gateway
