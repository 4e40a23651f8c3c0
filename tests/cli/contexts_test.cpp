#include "cli/gateway/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/gateway/gateway_choice.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Contexts two() {
    Contexts contexts;
    EXPECT_TRUE(add_context(contexts, {.name = "shop", .gateway = "https://drover.shop.example/", .token = "s3cret"}));
    EXPECT_TRUE(add_context(
        contexts, {.name = "here", .gateway = "localhost", .ca = "/ca.pem", .token_file = "/token", .ns = "dev"}));
    return contexts;
}

TEST(Contexts, D2_what_was_written_is_read_again) {
    const Contexts contexts = two();
    const ParsedContexts parsed = parse_contexts(to_yaml(contexts), "config.yaml");
    EXPECT_THAT(parsed.problems, IsEmpty());
    EXPECT_EQ(parsed.contexts, contexts);
    EXPECT_EQ(parsed.contexts.current, "shop");
    EXPECT_EQ(parsed.contexts.find("here")->gateway, "http://localhost:4100");
}

TEST(Contexts, D2_odd_texts_survive_the_file) {
    Contexts contexts;
    ASSERT_TRUE(add_context(
        contexts, {.name = "yes", .gateway = "http://[::1]:4100", .token = "a: 'b' \"c\" # \\ d", .ns = "1e3"}));
    EXPECT_EQ(parse_contexts(to_yaml(contexts), "config.yaml").contexts, contexts);
}

TEST(Contexts, D2_everything_wrong_with_a_file_is_told) {
    const ParsedContexts parsed = parse_contexts(
        "current: nobody\ncontexts:\n- name: a\n  gateway: 'ftp://x'\n- gateway: x\n  surprise: 1\n", "config.yaml");
    std::string all;
    for (const auto& problem : parsed.problems) all += format_problem(problem) + "\n";
    EXPECT_THAT(all, HasSubstr("config.yaml:4"));
    EXPECT_THAT(all, HasSubstr("no address of a gateway"));
    EXPECT_THAT(all, HasSubstr("contexts[1].name"));
    EXPECT_THAT(all, HasSubstr("surprise"));
    EXPECT_THAT(all, HasSubstr("current"));
    EXPECT_THAT(parse_contexts("", "config.yaml").problems, IsEmpty());
}

TEST(Contexts, D2_one_is_used_replaced_and_removed_by_its_name) {
    Contexts contexts = two();
    ASSERT_TRUE(use_context(contexts, "here"));
    ASSERT_TRUE(add_context(contexts, {.name = "here", .gateway = "http://other"}));
    EXPECT_THAT(contexts.list, SizeIs(2));
    EXPECT_EQ(contexts.find("here")->gateway, "http://other:4100");
    EXPECT_THAT(use_context(contexts, "shpo").error().message, HasSubstr("there are shop, here"));
    ASSERT_TRUE(remove_context(contexts, "here"));
    EXPECT_EQ(contexts.current, "");
    EXPECT_FALSE(remove_context(contexts, "here"));
}

TEST(GatewayAddress, D2_what_is_left_out_is_filled_in) {
    EXPECT_EQ(*gateway_address("localhost"), "http://localhost:4100");
    EXPECT_EQ(*gateway_address("http://a:80/"), "http://a:80");
    EXPECT_EQ(*gateway_address("http://a/drover/"), "http://a:4100/drover");
    EXPECT_EQ(*gateway_address("https://a"), "https://a");
    EXPECT_EQ(*gateway_address("[::1]"), "http://[::1]:4100");
    EXPECT_EQ(*gateway_address("[::1]:81"), "http://[::1]:81");
}

TEST(GatewayAddress, D2_what_is_none_is_refused) {
    for (const char* text : {"", "http://", "ftp://a", "http://a b", "http://user:pw@a", "a:", "a:99999", "a:x", "a?b",
                             "http://[::1", "https:///a"}) {
        EXPECT_FALSE(gateway_address(text)) << text;
    }
}

TEST(GatewayChoice, D2_the_first_that_is_given_counts) {
    const Contexts contexts = two();
    const Environment nothing;
    Environment variable;
    variable.gateway = "by-variable";
    EXPECT_EQ(choose_gateway({}, nothing, {})->url, default_gateway);
    EXPECT_EQ(choose_gateway({}, nothing, contexts)->url, "https://drover.shop.example");
    EXPECT_EQ(choose_gateway({}, variable, contexts)->url, "http://by-variable:4100");
    EXPECT_EQ(choose_gateway({.context = "here"}, variable, contexts)->url, "http://localhost:4100");
    EXPECT_EQ(choose_gateway({.gateway = "by-option"}, variable, contexts)->url, "http://by-option:4100");
    EXPECT_EQ(choose_gateway({.gateway = "a", .context = "here"}, nothing, contexts).error().code,
              Error::Code::invalid);
    EXPECT_EQ(choose_gateway({.context = "nobody"}, nothing, contexts).error().code, Error::Code::not_found);
}

TEST(GatewayChoice, D2_a_contexts_token_goes_to_its_own_gateway_only) {
    const Contexts contexts = two();
    Environment environment;
    EXPECT_EQ(choose_gateway({}, environment, contexts)->token, "s3cret");
    EXPECT_EQ(choose_gateway({.gateway = "elsewhere"}, environment, contexts)->token, "");
    EXPECT_EQ(choose_gateway({.context = "here"}, environment, contexts)->token_file, "/token");
    environment.token = "by-variable";
    EXPECT_EQ(choose_gateway({.context = "here"}, environment, contexts)->token, "by-variable");
    EXPECT_EQ(choose_gateway({.context = "here"}, environment, contexts)->token_file, "");
    const auto by_option = choose_gateway({.context = "here", .token_file = "/mine"}, environment, contexts);
    EXPECT_EQ(by_option->token_file, "/mine");
    EXPECT_EQ(by_option->token, "");
}

TEST(GatewayChoice, D2_a_bare_name_gets_the_namespace) {
    EXPECT_EQ(queue_named("email", ""), "email");
    EXPECT_EQ(queue_named("email", "shop"), "shop.email");
    EXPECT_EQ(queue_named("dev.email", "shop"), "dev.email");
    EXPECT_EQ(choose_gateway({.context = "here"}, {}, two())->ns, "dev");
    EXPECT_EQ(choose_gateway({.context = "here", .ns = "test"}, {}, two())->ns, "test");
}

TEST(GatewayChoice, D2_kubectls_namespace_is_that_of_the_current_context) {
    const std::string text =
        "current-context: b\ncontexts:\n- {name: a, context: {namespace: x}}\n- {name: b, context: {namespace: y}}\n";
    EXPECT_EQ(namespace_of_kubeconfig(text), "y");
    EXPECT_EQ(namespace_of_kubeconfig("current-context: c\ncontexts: []"), "default");
    EXPECT_EQ(namespace_of_kubeconfig("[1, 2"), "default");
    EXPECT_EQ(namespace_of_kubeconfig(""), "default");
}

}  // namespace
}  // namespace drover::cli
