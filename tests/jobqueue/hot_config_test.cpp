#include "src/jobqueue/hot_config.h"

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
    queue.generation = 3;
    SidecarConfig config = sidecar_config_for(queue);
    config.uid = "u-1";
    return config;
}

SidecarConfig with(const SidecarConfig& base, const json& hot) {
    const auto config = with_hot_config(base, hot.dump());
    EXPECT_TRUE(config) << (config ? "" : config.error().message);
    return config.value_or(SidecarConfig{});
}

std::string problem_of(std::string_view hot) {
    const auto config = with_hot_config(example(), hot);
    EXPECT_FALSE(config) << hot;
    return config ? "" : config.error().message;
}

// Every field that is hot.
SidecarConfig changed(SidecarConfig config) {
    config.generation = 4;
    config.delivery.concurrency = 3;
    config.delivery.timeout = 10s;
    config.delivery.rate_limit = Rate{5, 1min};
    config.delivery.key_rate_limit = Rate{1, 1h};
    config.delivery.max_payload = 77;
    config.retry = {.max_attempts = 9,
                    .backoff = Backoff::linear,
                    .initial = 7s,
                    .max_delay = 70s,
                    .jitter = 0.5,
                    .delays = {{1s, 5s}}};
    config.queue_topics["reports"] = "default.reports";
    return config;
}

TEST(HotConfig, B12_what_is_written_changes_a_running_sidecar_into_one_that_was_started_with_it) {
    const SidecarConfig old = example(), wanted = changed(old);
    const auto now = with_hot_config(old, hot_config_of(wanted));
    ASSERT_TRUE(now) << now.error().message;
    EXPECT_EQ(*now, wanted);
    EXPECT_EQ(with_hot_config(old, hot_config_of(old)).value(), old);
}

TEST(HotConfig, B12_limits_and_delays_that_are_no_more_are_taken_away) {
    SidecarConfig old = changed(example()), wanted = example();
    wanted.generation = 5;
    wanted.delivery.timeout = old.delivery.timeout;
    EXPECT_EQ(with_hot_config(old, hot_config_of(wanted)).value(), wanted);
}

TEST(HotConfig, B12_pods_are_made_anew_for_cold_fields_only) {
    SidecarConfig config = example();
    const std::string cold = cold_config_of(config), hot = hot_config_of(config);

    SidecarConfig other = changed(config);
    other.delivery.timeout = config.delivery.timeout;
    EXPECT_EQ(cold_config_of(other), cold);
    EXPECT_NE(hot_config_of(other), hot);

    const std::vector<std::function<void(SidecarConfig&)>> cold_changes{
        [](auto& c) { c.delivery.path = "/jobs"; },
        [](auto& c) { c.delivery.port = 81; },
        [](auto& c) { c.delivery.mode = Mode::pull; },
        [](auto& c) { c.delivery.ordering = Ordering::key; },
        [](auto& c) { c.delivery.async_completion = true; },
        [](auto& c) { c.delivery.max_drain = 1s; },
        [](auto& c) { c.retry_topics.pop_back(); },
        [](auto& c) { c.events_topic = "drover.events"; },
        [](auto& c) { c.kafka["client.rack"] = "b"; },
        [](auto& c) { c.partitions = 24; },
        [](auto& c) {
            c.lanes.push_back({"high", "t.high", "g.high"});
        },
        [](auto& c) { c.uid = "u-2"; },
    };
    for (std::size_t i = 0; i < cold_changes.size(); ++i) {
        SidecarConfig changed_config = config;
        cold_changes[i](changed_config);
        EXPECT_NE(cold_config_of(changed_config), cold) << i;
    }
}

TEST(HotConfig, B12_a_longer_timeout_needs_new_pods_and_a_shorter_one_counts_at_once_as_well) {
    const SidecarConfig config = example();
    EXPECT_EQ(with(config, {{"delivery", {{"timeout", "1s"}}}}).delivery.timeout, 1s);
    EXPECT_EQ(with(config, {{"delivery", {{"timeout", "1h"}}}}).delivery.timeout, config.delivery.timeout);
    SidecarConfig longer = config;
    longer.delivery.timeout = 1h;
    EXPECT_NE(cold_config_of(longer), cold_config_of(config));
}

TEST(HotConfig, B12_an_app_that_knows_no_batches_is_given_none_and_the_other_way_round) {
    SidecarConfig one = example(), five = one, ten = one;
    five.delivery.batch_max_size = 5;
    ten.delivery.batch_max_size = 10;
    ten.delivery.batch_max_wait = 2s;
    EXPECT_EQ(with_hot_config(five, hot_config_of(ten)).value(), ten);
    EXPECT_EQ(cold_config_of(five), cold_config_of(ten));
    EXPECT_EQ(with_hot_config(one, hot_config_of(ten)).value(), one);
    EXPECT_EQ(with_hot_config(five, hot_config_of(one)).value(), five);
    EXPECT_NE(cold_config_of(one), cold_config_of(ten));

    one.delivery.async_completion = true;  // which goes with no batch: the change of both is for new pods
    EXPECT_EQ(with_hot_config(one, hot_config_of(ten)).value(), one);
}

TEST(HotConfig, B12_what_is_not_said_stays_and_what_is_unknown_or_cold_is_ignored) {
    const SidecarConfig base = changed(example());
    EXPECT_EQ(with(base, json::object()), base);
    EXPECT_EQ(with(base, {{"delivery", nullptr}, {"retry", nullptr}}), base);
    SidecarConfig wanted = base;
    wanted.delivery.concurrency = 2;
    wanted.delivery.rate_limit.reset();
    wanted.retry.max_attempts = 4;
    EXPECT_EQ(with(base, json::parse(R"({"delivery": {"concurrency": 2, "rateLimit": null, "port": 1, "later": {}},
                                         "retry": {"maxAttempts": 4, "later": 1}, "topic": "other", "later": []})")),
              wanted);
    wanted.delivery.rate_limit = Rate{2, 1s};
    EXPECT_EQ(with(base, json::parse(R"({"delivery": {"concurrency": 2, "rateLimit": {"max": 2, "burst": 9}},
                                         "retry": {"maxAttempts": 4}})")),
              wanted);
}

TEST(HotConfig, B12_the_higher_generation_counts) {
    const SidecarConfig base = example();  // of generation 3
    const json slower{{"delivery", {{"concurrency", 1}}}};
    const auto of_generation = [&](std::int64_t generation) {
        json hot = slower;
        hot["generation"] = generation;
        return with_hot_config(base, hot.dump());
    };
    ASSERT_FALSE(of_generation(2));
    EXPECT_EQ(of_generation(2).error().code, Error::Code::conflict);
    EXPECT_EQ(of_generation(3)->delivery.concurrency, 1);
    EXPECT_EQ(of_generation(4)->generation, 4);
    EXPECT_EQ(with(base, slower).delivery.concurrency, 1) << "whoever writes no generation means what is there";
    EXPECT_EQ(with(base, slower).generation, 3);
}

TEST(HotConfig, B12_what_another_JobQueue_of_this_name_left_behind_counts_never) {
    const SidecarConfig base = example();
    SidecarConfig other = changed(base);
    other.uid = "u-0";
    other.generation = 100;
    const auto config = with_hot_config(base, hot_config_of(other));
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, Error::Code::conflict);
}

TEST(HotConfig, B12_every_field_that_is_wrong_is_named) {
    const std::string message = problem_of(
        R"({"delivery": {"concurrency": 0, "timeout": 5, "rateLimit": {"per": "1s"}, "batch": {"maxSize": "x"}},
            "retry": {"maxAttempts": 1000, "initial": "1h"}, "generation": -1})");
    for (const char* field : {"delivery.concurrency: ", "delivery.timeout: ", "delivery.rateLimit.max: ",
                              "delivery.batch.maxSize: ", "retry.maxAttempts: ", "retry.initial: ", "generation: "})
        EXPECT_NE(message.find(field), std::string::npos) << field << " in\n" << message;
    EXPECT_NE(problem_of(R"({"delivery": 5})").find("delivery"), std::string::npos);
    EXPECT_NE(problem_of(R"({"delivery": {"batch": []}})").find("batch"), std::string::npos);
    EXPECT_NE(problem_of(R"({"queueTopics": 1})").find("queueTopics"), std::string::npos);
    EXPECT_EQ(with_hot_config(example(), R"({"retry": "x"})").error().code, Error::Code::invalid);
}

TEST(HotConfig, B12_what_is_not_JSON_is_an_error) {
    for (const char* text : {"", " ", "null", "[]", "1", "{", "{} {}", "\xFF", R"({"retry": {}, "retry": {}})"}) {
        EXPECT_NE(problem_of(text), "") << text;
    }
    const std::string deep = R"({"delivery": {"concurrency": )" + std::string(100'000, '[') + "}}";
    EXPECT_NE(problem_of(deep), "");
}

rc::Gen<Duration> durations(Duration least, Duration most) {
    return rc::gen::map(rc::gen::inRange(least.count(), most.count()), [](std::int64_t n) { return Duration{n}; });
}

std::optional<Rate> any_rate() {
    if (!*rc::gen::arbitrary<bool>()) return std::nullopt;
    return Rate{*rc::gen::inRange(1, 1000), *durations(1ms, 1h)};
}

SidecarConfig any_config() {
    SidecarConfig config = example();
    config.generation = *rc::gen::inRange<std::int64_t>(1, 5);
    config.delivery.concurrency = *rc::gen::inRange(1, 1001);
    config.delivery.timeout = *durations(1ms, 24h);
    config.delivery.rate_limit = any_rate();
    config.delivery.key_rate_limit = any_rate();
    config.delivery.batch_max_size = *rc::gen::element(1, 2, 100);
    config.delivery.batch_max_wait = *durations(0s, 1h);
    config.delivery.max_payload = *rc::gen::inRange(1, 1 << 20);
    config.retry.max_attempts = *rc::gen::inRange(1, 101);
    config.retry.backoff = *rc::gen::element(Backoff::exponential, Backoff::linear, Backoff::fixed);
    config.retry.max_delay = *durations(1min, 24h);
    config.retry.initial = *durations(0s, 1min);
    config.retry.jitter = *rc::gen::inRange(0, 1'000'000'007) / 1'000'000'006.0;
    if (*rc::gen::arbitrary<bool>())
        config.retry.delays = *rc::gen::nonEmpty(rc::gen::container<std::vector<Duration>>(3, durations(0s, 1min)));
    return config;
}

// A pod that is not made anew is as good as one that is.
RC_GTEST_PROP(HotConfig, B12_where_the_cold_part_stays_the_hot_part_is_all_that_is_needed, ()) {
    const SidecarConfig old = any_config();
    SidecarConfig wanted = any_config();
    RC_PRE(wanted.generation >= old.generation);
    if (*rc::gen::arbitrary<bool>()) wanted.delivery.timeout = old.delivery.timeout;
    const auto now = with_hot_config(old, hot_config_of(wanted));
    RC_ASSERT(now.has_value());
    if (cold_config_of(old) == cold_config_of(wanted)) RC_ASSERT(*now == wanted);
    RC_ASSERT(cold_config_of(*now) == cold_config_of(old) || now->delivery.timeout < old.delivery.timeout);
}

}  // namespace
}  // namespace drover::jobqueue
