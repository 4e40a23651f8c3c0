#include "gateway/core/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

const Time noon = *parse_rfc3339("2026-11-27T12:00:00Z");

WebhookSettings parsed(std::string_view text) {
    ParsedWebhooks result = parse_webhooks(text, "webhooks.yaml");
    for (const jobqueue::Problem& each : result.problems) ADD_FAILURE() << jobqueue::format_problem(each);
    return result.settings;
}

std::string problems_of(std::string_view text) {
    std::string all;
    for (const jobqueue::Problem& each : parse_webhooks(text, "w.yaml").problems)
        all += jobqueue::format_problem(each) + "\n";
    return all;
}

TEST(WebhookSettings, C13_says_who_wants_to_hear_of_what) {
    const WebhookSettings settings = parsed(R"(
webhooks:
- {name: on-call, url: "https://chat.example/hooks/7", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
- {name: shop, url: "http://shop:8080/done", queues: ["shop.*"], events: [completed, failed]}
alerts: {waiting: 50, failureRate: 0.5, wait: 2m, meanRun: 1s, meanRunQueues: ["*"], for: 5s}
)");
    ASSERT_EQ(settings.webhooks.size(), 2u);
    EXPECT_TRUE(settings.webhooks[0].wants(WebhookEvent::failed, "a.b"));
    EXPECT_TRUE(settings.webhooks[0].wants(WebhookEvent::alert, "a.b"));
    EXPECT_FALSE(settings.webhooks[0].wants(WebhookEvent::completed, "a.b"));
    EXPECT_TRUE(settings.webhooks[1].wants(WebhookEvent::completed, "shop.email"));
    EXPECT_FALSE(settings.webhooks[1].wants(WebhookEvent::completed, "other.email"));
    EXPECT_EQ(settings.alerts.waiting, 50);
    EXPECT_EQ(settings.alerts.hold, 5s);
    EXPECT_EQ(parsed("webhooks: []").alerts, AlertLimits());
}

TEST(WebhookSettings, C13_every_problem_is_named) {
    const std::string problems = problems_of(
        "webhooks:\n- {url: 'ftp://x', secret: abc, events: [done], queue: x}\ncallbacks: {}\nalerts: {failureRate: "
        "5}");
    for (const char* name : {"webhooks[0].name", "webhooks[0].url", "webhooks[0].secret", "webhooks[0].events",
                             "webhooks[0].queue", "callbacks.hosts", "alerts.failureRate"}) {
        EXPECT_THAT(problems, HasSubstr(name));
    }
    for (const char* text : {"", "[]", "7", "a: [b", "webhooks: 7"}) EXPECT_NE(problems_of(text), "") << text;
}

TEST(WebhookSettings, C13_a_callback_goes_only_where_it_may) {
    const WebhookSettings settings = parsed("callbacks: {hosts: ['*.shop.example', '127.0.0.1:*', 'a.example:8443']}");
    for (const char* url : {"https://x.shop.example/done", "http://127.0.0.1/", "http://127.0.0.1:8080/?id=1",
                            "https://A.example:8443", "HTTPS://X.SHOP.EXAMPLE"}) {
        ASSERT_TRUE(settings.callback_to(url)) << url;
        EXPECT_EQ(settings.callback_to(url)->url, url);
    }
    for (const char* url :
         {"https://shop.example/", "https://x.shop.example:22/", "file:///etc/passwd",
          "https://evil.example/#.shop.example", "https://x.shop.example@evil.example/",
          "https://evil.example\\.shop.example/", "https://evil.example/?.shop.example", "http://",
          "https://x.shop.example/a b", "https://x.shop.example/\r\nx: y", "", "gopher://127.0.0.1:1"}) {
        EXPECT_FALSE(settings.callback_to(url)) << url;
    }
    EXPECT_FALSE(parsed("webhooks: []").callback_to("https://x.example")) << "none may by default";
}

TEST(Webhook, C13_is_signed_as_standard_webhooks_signs) {
    // The example of the specification.
    const auto settings =
        parsed("webhooks: [{name: a, url: 'http://a', secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]");
    EXPECT_EQ(webhook_signature(settings.webhooks[0].key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Webhook, C13_tells_a_jobs_end_whole) {
    jobqueue::LifecycleEvent event;
    event.queue = "shop.email";
    event.job_id = "j\"1";
    event.type = "send";
    event.state = jobqueue::JobEvent::failed;
    event.run = 1;
    event.attempt = 3;
    event.at = noon;
    event.submitted_at = noon - 5s;
    event.error_class = "NoRoom";
    event.error_status = 503;
    event.error_message = "full";
    const json body = json::parse(webhook_body(event));
    EXPECT_EQ(body["type"], "job.failed");
    EXPECT_EQ(body["timestamp"], "2026-11-27T12:00:00.000Z");
    EXPECT_EQ(body["data"]["id"], "j\"1");
    EXPECT_EQ(body["data"]["error"], (json{{"class", "NoRoom"}, {"status", 503}, {"message", "full"}}));
    event.state = jobqueue::JobEvent::completed;
    event.result = R"({"sent":1})";
    EXPECT_EQ(json::parse(webhook_body(event))["data"]["result"], (json{{"sent", 1}}));
    event.result = "plain \xff";
    EXPECT_NO_THROW(json::parse(webhook_body(event)));
    EXPECT_FALSE(webhook_event_of(jobqueue::JobEvent::retrying));
}

TEST(Webhook, C13_one_end_has_one_id_for_each_receiver) {
    jobqueue::LifecycleEvent event;
    event.queue = "a.b";
    event.job_id = "1";
    event.state = jobqueue::JobEvent::failed;
    const std::string id = webhook_message_id(event, "x");
    EXPECT_EQ(webhook_message_id(event, "x"), id);
    EXPECT_NE(webhook_message_id(event, "y"), id);
    event.run = 1;
    EXPECT_NE(webhook_message_id(event, "x"), id) << "it failed again after a redrive";
}

TEST(Webhook, C13_a_message_that_is_wrong_does_not_block_and_a_receiver_in_trouble_is_left_alone) {
    EXPECT_EQ(verdict_on(204), WebhookVerdict::delivered);
    for (const int status : {400, 410, 413, 422}) EXPECT_EQ(verdict_on(status), WebhookVerdict::refused) << status;
    for (const int status : {0, 301, 401, 403, 404, 408, 429, 500, 503})
        EXPECT_EQ(verdict_on(status), WebhookVerdict::again) << status;
    EXPECT_EQ(webhook_pause(1), 5s);
    EXPECT_EQ(webhook_pause(2), 10s);
    EXPECT_EQ(webhook_pause(1'000'000), 10min);
    EXPECT_EQ(webhook_pause(-3), 5s);
}

}  // namespace
}  // namespace drover::gateway
