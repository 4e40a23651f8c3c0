#include "src/telemetry/metrics.h"

#include <string>

#include <gtest/gtest.h>

namespace drover::telemetry {
namespace {

bool has(const Metrics& metrics, const std::string& line) {
    return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, are_shown_in_prometheus_text_format) {
    Metrics metrics;
    auto done = metrics.counter("drover_jobs_total", "Jobs by outcome", {{"outcome", "done"}});
    auto in_flight = metrics.gauge("drover_in_flight", "Jobs in flight");
    auto seconds = metrics.histogram("drover_seconds", "Time", {{"queue", "email"}}, {0.1, 1});
    done.add();
    done.add(2);
    in_flight.set(5);
    in_flight.add(-1);
    for (const double time : {0.05, 0.5, 5.0}) seconds.observe(time);
    EXPECT_TRUE(has(metrics, "# HELP drover_jobs_total Jobs by outcome"));
    EXPECT_TRUE(has(metrics, "# TYPE drover_jobs_total counter"));
    EXPECT_TRUE(has(metrics, "drover_jobs_total{outcome=\"done\"} 3")) << metrics.text();
    EXPECT_TRUE(has(metrics, "drover_in_flight 4"));
    EXPECT_TRUE(has(metrics, "drover_seconds_bucket{queue=\"email\",le=\"0.1\"} 1"));
    EXPECT_TRUE(has(metrics, "drover_seconds_bucket{queue=\"email\",le=\"1\"} 2"));
    EXPECT_TRUE(has(metrics, "drover_seconds_bucket{queue=\"email\",le=\"+Inf\"} 3"));
    EXPECT_TRUE(has(metrics, "drover_seconds_count{queue=\"email\"} 3"));
    EXPECT_EQ(done.value(), 3);
    EXPECT_EQ(in_flight.value(), 4);
}

TEST(Metrics, the_same_name_and_labels_are_the_same_metric) {
    Metrics metrics;
    auto first = metrics.counter("drover_total", "Help", {{"a", "1"}});
    auto again = metrics.counter("drover_total", "Help", {{"a", "1"}});
    auto other = metrics.counter("drover_total", "Help", {{"a", "2"}});
    first.add();
    again.add();
    other.add(7);
    EXPECT_EQ(first.value(), 2);
    EXPECT_EQ(other.value(), 7);
    metrics.histogram("drover_seconds", "Help").observe(1);
    metrics.histogram("drover_seconds", "Help").observe(2);
    EXPECT_TRUE(has(metrics, "drover_seconds_count 2")) << metrics.text();
}

TEST(Metrics, label_values_are_escaped) {
    Metrics metrics;
    metrics.counter("drover_total", "Help", {{"cause", "a\"b\\c\nd"}}).add();
    EXPECT_TRUE(has(metrics, R"(drover_total{cause="a\"b\\c\nd"} 1)")) << metrics.text();
}

TEST(Metrics, an_impossible_name_is_a_fault_of_the_program) {
    Metrics metrics;
    metrics.counter("drover_total", "Help");
    EXPECT_DEATH(metrics.counter("not a name", "Help"), "'not a name' cannot be");
    EXPECT_DEATH(metrics.gauge("drover_total", "Help"), "'drover_total' cannot be");
    EXPECT_DEATH(metrics.counter("drover_other", "Help", {{"not-a-label", "x"}}), "'drover_other' cannot be");
}

}  // namespace
}  // namespace drover::telemetry
