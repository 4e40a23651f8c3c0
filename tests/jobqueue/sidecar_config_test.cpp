#include "src/jobqueue/sidecar_config.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

SidecarConfig example() {
    JobQueue queue;
    queue.name = "email";
    queue.kafka.bootstrap_servers = "kafka:9092";
    queue.kafka.settings = {{"client.rack", "a"}};
    return sidecar_config_for(queue);
}

std::string problems_of(const json& config) {
    const auto read = sidecar_config_from_json(config.dump());
    return read ? "" : read.error().message;
}

TEST(SidecarConfig, has_the_names_that_follow_from_the_queue) {
    const auto config = example();
    EXPECT_EQ(config.topic, "default.email");
    EXPECT_EQ(config.retry_topics.size(), 2u);
    EXPECT_EQ(config.dead_letter_topic, "default.email.dlq");
    EXPECT_EQ(config.group, "drover.default.email");
    EXPECT_EQ(config.retry_group, "drover.default.email.retry");
    EXPECT_EQ(config.queue_topics.at("email"), "default.email");
    EXPECT_EQ(config.kafka.at("bootstrap.servers"), "kafka:9092");
    EXPECT_EQ(config.kafka.at("client.rack"), "a");
}

rc::Gen<Duration> durations(Duration least, Duration most) {
    return rc::gen::map(rc::gen::inRange(least.count(), most.count()), [](std::int64_t n) { return Duration{n}; });
}

// JSON's control characters apart, a string of a config may be any UTF-8.
rc::Gen<std::string> texts() {
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
                            std::vector<std::string>{"a", "Z", "0", "-", ".", "\"", "\\", "/", "é", "😀", " ", "{"})),
                        [](const std::vector<std::string>& parts) {
                            std::string text;
                            for (const auto& part : parts) text += part;
                            return text;
                        });
}

rc::Gen<SidecarConfig> configs() {
    return rc::gen::exec([] {
        SidecarConfig config = example();
        config.queue = *texts();
        config.ns = *texts();
        config.pod = *texts();
        config.kafka = *rc::gen::container<std::map<std::string, std::string>>(texts(), texts());
        config.kafka["bootstrap.servers"] = *texts();
        config.topic = *texts();
        config.partitions = *rc::gen::inRange(1, 1001);
        config.queue_topics = *rc::gen::container<std::map<std::string, std::string>>(texts(), texts());
        config.retry_topics.clear();
        Duration step{0};
        for (int i = *rc::gen::inRange(0, 9); i > 0; --i)
            config.retry_topics.push_back({*texts(), step += *durations(1ms, 24h)});
        config.delivery.mode = *rc::gen::element(Mode::push, Mode::pull);
        config.delivery.port = *rc::gen::inRange(1, 65536);
        config.delivery.concurrency = *rc::gen::inRange(1, 1001);
        config.delivery.timeout = *durations(1ms, 24h);
        config.delivery.ordering = *rc::gen::element(Ordering::none, Ordering::key, Ordering::partition);
        if (*rc::gen::arbitrary<bool>())
            config.delivery.rate_limit = Rate{*rc::gen::inRange(1, 1000), *durations(1ms, 1h)};
        if (*rc::gen::arbitrary<bool>())
            config.delivery.key_rate_limit = Rate{*rc::gen::inRange(1, 1000), *durations(1ms, 1h)};
        config.delivery.batch_max_size = *rc::gen::inRange(1, 100);
        config.delivery.batch_max_wait = *durations(0s, 1h);
        config.delivery.async_completion = config.delivery.batch_max_size == 1 && *rc::gen::arbitrary<bool>();
        config.delivery.max_drain = *durations(0s, 24h);
        config.delivery.max_payload = *rc::gen::inRange(1, 1 << 20);
        config.retry.max_attempts = *rc::gen::inRange(1, 101);
        config.retry.backoff = *rc::gen::element(Backoff::exponential, Backoff::linear, Backoff::fixed);
        config.retry.max_delay = *durations(1min, 24h);
        config.retry.initial = *durations(0s, 1min);
        config.retry.jitter = *rc::gen::inRange(0, 1'000'000'007) / 1'000'000'006.0;
        if (*rc::gen::arbitrary<bool>())
            config.retry.delays = *rc::gen::nonEmpty(rc::gen::container<std::vector<Duration>>(3, durations(0s, 1min)));
        config.paused = *rc::gen::arbitrary<bool>();
        config.app_port = *rc::gen::inRange(0, 65536);
        config.drain_token = *texts();
        config.commit_interval = *durations(1ms, 1min);
        return config;
    });
}

RC_GTEST_PROP(SidecarConfig, what_was_written_reads_the_same, ()) {
    const SidecarConfig config = *configs();
    const auto read = sidecar_config_from_json(to_json(config));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == config);
}

TEST(SidecarConfig, every_problem_is_in_the_message_with_its_path) {
    auto config = json::parse(to_json(example()));
    config["delivery"]["timeout"] = 30;
    config["delivery"]["concurency"] = 1;
    config["retryTopics"][1]["step"] = "1s";
    config["appPort"] = 70000;
    config.erase("group");
    config["kafka"].erase("bootstrap.servers");
    const auto message = problems_of(config);
    for (const char* path : {"delivery.timeout: ", "delivery.concurency: ", "retryTopics[1].step: ", "appPort: ",
                             "group: is missing", "kafka['bootstrap.servers']: is missing"})
        EXPECT_NE(message.find(path), std::string::npos) << path << " in\n" << message;
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 5) << message;
}

TEST(SidecarConfig, unknown_fields_and_other_versions_are_refused) {
    auto config = json::parse(to_json(example()));
    EXPECT_EQ(problems_of(config), "");
    config["mode"] = 1;
    EXPECT_NE(problems_of(config), "");
    config.erase("mode");
    config["version"] = 2;
    EXPECT_NE(problems_of(config).find("version"), std::string::npos);
}

TEST(SidecarConfig, what_is_not_JSON_is_an_error) {
    for (const char* text : {"", " ", "null", "[]", "1", "{", "{} {}", "{\"version\":1,}", "version: 1", "\xFF",
                             "{\"version\":1,\"version\":1}"}) {
        const auto read = sidecar_config_from_json(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, Error::Code::invalid);
        EXPECT_NE(read.error().message, "");
    }
}

}  // namespace
}  // namespace drover::jobqueue
