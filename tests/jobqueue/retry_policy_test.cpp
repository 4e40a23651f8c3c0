#include "src/jobqueue/retry_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto longest = std::numeric_limits<std::int64_t>::max();

rc::Gen<Duration> durations() {
    const auto between = [](std::int64_t low, std::int64_t high) {
        return rc::gen::map(rc::gen::inRange(low, high), [](std::int64_t n) { return Duration{n}; });
    };
    return rc::gen::oneOf(between(0, 5), between(0, 3'600'000'000), between(0, longest),
                          rc::gen::element(Duration{0}, Duration{1}, Duration::max()));
}

// Of any kind, sane or not.
rc::Gen<RetryPolicy> policies() {
    return rc::gen::exec([] {
        RetryPolicy policy;
        policy.max_attempts = *rc::gen::oneOf(rc::gen::inRange(1, 101), rc::gen::just(std::numeric_limits<int>::max()));
        policy.backoff = *rc::gen::element(Backoff::exponential, Backoff::linear, Backoff::fixed);
        policy.initial = *durations();
        policy.max_delay = *durations();
        policy.jitter = *rc::gen::inRange(0, 1001) / 1000.0;
        if (*rc::gen::arbitrary<bool>()) policy.delays = *rc::gen::container<std::vector<Duration>>(durations());
        return policy;
    });
}

rc::Gen<double> units() {
    return rc::gen::map(rc::gen::inRange<std::int64_t>(0, 1LL << 53),
                        [](std::int64_t n) { return std::ldexp(static_cast<double>(n), -53); });
}

rc::Gen<int> attempts() {
    return rc::gen::oneOf(rc::gen::inRange(1, 110), rc::gen::inRange(1, std::numeric_limits<int>::max()));
}

TEST(RetryLadder, A5_exponential_doubles_up_to_the_cap) {
    const RetryPolicy policy{.max_attempts = 6, .initial = 2s, .max_delay = 10s};
    EXPECT_EQ(retry_delay(policy, 1, 0), 2s);
    EXPECT_EQ(retry_delay(policy, 2, 0), 4s);
    EXPECT_EQ(retry_delay(policy, 3, 0), 8s);
    EXPECT_EQ(retry_delay(policy, 4, 0), 10s);
    EXPECT_EQ(retry_delay(policy, 5, 0), 10s);
    EXPECT_THAT(retry_steps(policy), ElementsAre(2s, 4s, 8s, 10s));
}

TEST(RetryLadder, A5_linear_grows_by_the_same_each_time) {
    const RetryPolicy policy{.max_attempts = 5, .backoff = Backoff::linear, .initial = 3s, .max_delay = 10s};
    EXPECT_EQ(retry_delay(policy, 3, 0), 9s);
    EXPECT_EQ(retry_delay(policy, 4, 0), 10s);
    EXPECT_THAT(retry_steps(policy), ElementsAre(3s, 6s, 9s, 10s));
}

TEST(RetryLadder, A5_fixed_stays_the_same) {
    const RetryPolicy policy{.max_attempts = 9, .backoff = Backoff::fixed, .initial = 7s};
    EXPECT_EQ(retry_delay(policy, 8, 0), 7s);
    EXPECT_THAT(retry_steps(policy), ElementsAre(7s));
}

TEST(RetryLadder, A5_a_list_of_delays_is_followed_and_its_last_one_holds) {
    const RetryPolicy policy{.max_attempts = 5, .delays = std::vector<Duration>{0s, 2s, 4s}};
    EXPECT_EQ(retry_delay(policy, 1, 0.9), 0s);
    EXPECT_EQ(retry_delay(policy, 2, 0), 2s);
    EXPECT_EQ(retry_delay(policy, 3, 0), 4s);
    EXPECT_EQ(retry_delay(policy, 4, 0), 4s);
    EXPECT_THAT(retry_steps(policy), ElementsAre(2s, 4s)) << "a job due at once needs no step of its own";
}

TEST(RetryLadder, A5_jitter_adds_its_share_at_most) {
    const RetryPolicy policy{.initial = 10s, .jitter = 0.5};
    EXPECT_EQ(retry_delay(policy, 1, 0), 10s);
    EXPECT_EQ(retry_delay(policy, 1, 0.5), 12500ms);
    EXPECT_LT(retry_delay(policy, 1, 0.999999), 15s);
}

TEST(RetryLadder, A5_retries_at_once_pass_through_a_step_of_one_millisecond) {
    EXPECT_THAT(retry_steps({.max_attempts = 3, .delays = std::vector<Duration>{0s}}), ElementsAre(1ms));
    EXPECT_THAT(retry_steps({.max_attempts = 3, .initial = 0s}), ElementsAre(1ms));
    EXPECT_THAT(retry_steps({.max_attempts = 3, .delays = std::vector<Duration>{}}), ElementsAre(1ms));
}

TEST(RetryLadder, A5_one_attempt_needs_no_step) {
    EXPECT_THAT(retry_steps({.max_attempts = 1}), IsEmpty());
    EXPECT_THAT(retry_steps({.max_attempts = 0}), IsEmpty());
    EXPECT_THAT(retry_steps({.max_attempts = std::numeric_limits<int>::min()}), IsEmpty());
}

TEST(RetryLadder, A5_unused_delays_get_no_step) {
    EXPECT_THAT(retry_steps({.max_attempts = 3, .delays = std::vector<Duration>{1s, 5s, 60s}}), ElementsAre(1s, 5s));
}

TEST(RetryLadder, A5_more_than_eight_steps_are_thinned_evenly) {
    const RetryPolicy policy{.max_attempts = 16, .backoff = Backoff::linear, .initial = 1s};
    EXPECT_THAT(retry_steps(policy), ElementsAre(1s, 3s, 5s, 7s, 9s, 11s, 13s, 15s));
}

TEST(RetryLadder, numbers_that_make_no_sense_still_give_a_delay) {
    EXPECT_EQ(retry_delay({.initial = -5s}, 1, 0.5), 0s);
    EXPECT_EQ(retry_delay({.max_delay = -5s}, 1, 0.5), 0s);
    EXPECT_EQ(retry_delay({.initial = 2s, .jitter = std::nan("")}, 1, 0.5), 2s);
    EXPECT_EQ(retry_delay({.initial = 2s}, 1, std::nan("")), 2s);
    EXPECT_EQ(retry_delay({.initial = 2s, .jitter = 1e300}, 1, 1e300), 4s);
    EXPECT_EQ(retry_delay({.initial = 2s}, std::numeric_limits<int>::min(), 0), 2s);
    EXPECT_EQ(retry_delay({.initial = Duration::max(), .max_delay = Duration::max(), .jitter = 1}, 1, 0.9),
              Duration::max());
}

RC_GTEST_PROP(RetryLadder, A5_a_delay_is_never_shorter_than_without_jitter_nor_longer_than_jitter_allows, ()) {
    const RetryPolicy policy = *policies();
    const int failed = *attempts();
    const Duration base = retry_delay(policy, failed, 0), delay = retry_delay(policy, failed, *units());
    RC_ASSERT(base >= 0s);
    RC_ASSERT(delay >= base);
    // One part in 2^52 for the arithmetic of doubles.
    const double most = static_cast<double>(base.count()) * policy.jitter;
    RC_ASSERT(static_cast<double>((delay - base).count()) <= most * (1 + 0x1p-51));
}

RC_GTEST_PROP(RetryLadder, A5_the_cap_bounds_every_delay_before_jitter, ()) {
    const RetryPolicy policy = *policies();
    RC_ASSERT(retry_delay(policy, *attempts(), 0) <= policy.max_delay);
}

RC_GTEST_PROP(RetryLadder, A5_delays_by_formula_never_shrink, ()) {
    RetryPolicy policy = *policies();
    policy.delays.reset();
    const int a = *attempts(), b = *attempts();
    const double unit = *units();
    RC_ASSERT(retry_delay(policy, std::min(a, b), unit) <= retry_delay(policy, std::max(a, b), unit));
}

RC_GTEST_PROP(RetryLadder, A5_steps_ascend_and_are_few_and_cover_the_longest_delay, ()) {
    const RetryPolicy policy = *policies();
    const auto steps = retry_steps(policy);
    RC_ASSERT(steps.size() <= 8u);
    RC_ASSERT(steps.empty() == (policy.max_attempts == 1));
    for (std::size_t i = 1; i < steps.size(); ++i) RC_ASSERT(steps[i - 1] < steps[i]);
    if (steps.empty()) return;
    RC_ASSERT(steps.front() >= 1ms);

    Duration shortest = Duration::max(), last{0};
    for (int failed = 1; failed <= std::min(policy.max_attempts - 1, 200); ++failed) {
        const Duration delay = retry_delay(policy, failed, 0);
        if (delay > 0s) shortest = std::min(shortest, delay);
        last = std::max(last, delay);
    }
    last = std::max(last, retry_delay(policy, policy.max_attempts - 1, 0));
    if (last == 0s) {
        RC_ASSERT(steps == std::vector<Duration>{1ms});
        return;
    }
    // The ends of the ladder are the shortest and the longest delay, rounded up to a millisecond.
    RC_ASSERT(steps.front() >= shortest && steps.front() - shortest < 1ms);
    RC_ASSERT(steps.back() >= last && steps.back() - last < 1ms);
}

}  // namespace
}  // namespace drover::jobqueue
