#include "gateway/core/alert_rules.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

const Time noon = *parse_rfc3339("2026-11-27T12:00:00Z");

TEST(AlertBook, C13_fires_once_after_its_hold_and_says_when_it_is_over) {
    AlertBook book;
    const AlertFigures many{.waiting = 1001}, few{.waiting = 1000};
    EXPECT_TRUE(book.step("shop.email", many, {}, noon).empty());
    EXPECT_TRUE(book.step("shop.email", many, {}, noon + 59s).empty());
    const auto firing = book.step("shop.email", many, {}, noon + 60s);
    ASSERT_EQ(firing.size(), 1u);
    EXPECT_EQ(firing[0], (Alert{"shop.email", "JobsWaiting", true, "1001 jobs wait, more than 1000", noon + 60s}));
    EXPECT_TRUE(book.step("shop.email", many, {}, noon + 10min).empty());
    EXPECT_TRUE(book.step("shop.email", few, {}, noon + 11min).empty());
    EXPECT_TRUE(book.step("shop.email", many, {}, noon + 11min + 30s).empty()) << "it came back in between";
    EXPECT_TRUE(book.step("shop.email", few, {}, noon + 12min).empty());
    const auto over = book.step("shop.email", few, {}, noon + 13min);
    ASSERT_EQ(over.size(), 1u);
    EXPECT_FALSE(over[0].firing);
}

TEST(AlertBook, C13_has_the_thresholds_of_the_older_system) {
    const auto names = [](const std::string& queue, const AlertFigures& figures) {
        AlertBook book;
        std::string all;
        AlertLimits limits;
        limits.hold = 0s;
        for (const Alert& each : book.step(queue, figures, limits, noon)) all += each.name + " ";
        return all;
    };
    EXPECT_EQ(names("a.b", {.completed = 94, .failed = 6}), "JobsFailing ");
    EXPECT_EQ(names("a.b", {.completed = 95, .failed = 5}), "");
    EXPECT_EQ(names("a.b", {.completed = 0, .failed = 9}), "") << "too few to say";
    EXPECT_EQ(names("a.email", {.mean_run = 10'001ms}), "JobsSlow ");
    EXPECT_EQ(names("a.sms", {.mean_run = 10s}), "");
    EXPECT_EQ(names("a.reports", {.mean_run = 1h}), "") << "others may take as long as they do";
    EXPECT_EQ(names("a.b", {.oldest_waiting = noon - 61s}), "JobsWaitLong ");
    EXPECT_EQ(names("a.b", {.oldest_waiting = noon + 1h}), "");
}

TEST(AlertBook, C13_queues_are_apart_and_forgotten) {
    AlertBook book;
    AlertLimits limits;
    limits.hold = 0s;
    EXPECT_EQ(book.step("a.b", {.waiting = 5000}, limits, noon).size(), 1u);
    EXPECT_EQ(book.step("a.c", {.waiting = 5000}, limits, noon).size(), 1u);
    book.forget("a.b");
    EXPECT_EQ(book.step("a.b", {.waiting = 5000}, limits, noon).size(), 1u);
    EXPECT_TRUE(book.step("a.c", {.waiting = 5000}, limits, noon).empty());
}

}  // namespace
}  // namespace drover::gateway
