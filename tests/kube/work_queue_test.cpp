#include "src/kube/work_queue.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::kube {
namespace {

using namespace std::chrono_literals;

constexpr Time start{std::chrono::hours(24 * 365 * 56)};
const ObjectKey a{"shop", "a"}, b{"shop", "b"}, c{"shop", "c"};

TEST(WorkQueue, a_key_that_is_added_twice_comes_once) {
    WorkQueue queue;
    queue.add(a, start);
    queue.add(a, start);
    EXPECT_EQ(queue.take(start), a);
    EXPECT_TRUE(queue.done(a));
    EXPECT_EQ(queue.take(start), std::nullopt);
}

TEST(WorkQueue, a_key_is_not_handed_out_again_before_it_is_done) {
    WorkQueue queue;
    queue.add(a, start);
    EXPECT_EQ(queue.take(start), a);
    queue.add(a, start);
    queue.add(b, start);
    EXPECT_EQ(queue.take(start), b);
    EXPECT_EQ(queue.take(start + 1h), std::nullopt);
    EXPECT_EQ(queue.next_due(), std::nullopt);
    queue.done(a);
    EXPECT_EQ(queue.next_due(), start);
    EXPECT_EQ(queue.take(start), a);
}

TEST(WorkQueue, the_earlier_time_counts) {
    WorkQueue queue;
    queue.add(a, start + 10s);
    queue.add(a, start + 20s);
    EXPECT_EQ(queue.next_due(), start + 10s);
    EXPECT_EQ(queue.take(start + 9s), std::nullopt);
    queue.add(a, start + 1s);
    EXPECT_EQ(queue.take(start + 1s), a);
    queue.done(a);
    EXPECT_EQ(queue.take(start + 1h), std::nullopt);
}

TEST(WorkQueue, a_delay_that_was_asked_for_while_the_key_was_active_counts_after_it) {
    WorkQueue queue;
    queue.add(a, start);
    queue.take(start);
    queue.add(a, start + 5s);
    queue.done(a);
    EXPECT_EQ(queue.take(start + 4s), std::nullopt);
    EXPECT_EQ(queue.take(start + 5s), a);
}

TEST(WorkQueue, the_longest_due_goes_first_and_then_who_was_added_first) {
    WorkQueue queue;
    queue.add(c, start);
    queue.add(b, start);
    queue.add(a, start - 1s);
    for (const auto& key : {a, c, b}) EXPECT_EQ(queue.take(start), key);
}

TEST(WorkQueue, failures_in_a_row_wait_longer_up_to_a_bound_until_they_are_forgotten) {
    WorkQueue queue({200ms, 1s});
    for (const auto delay : {200ms, 400ms, 800ms, 1000ms, 1000ms}) {
        EXPECT_EQ(queue.add_after_failure(a, start, 0), start + delay);
        EXPECT_EQ(queue.take(start + delay), a);
        queue.done(a);
    }
    EXPECT_EQ(queue.failures(a), 5U);
    queue.forget(a);
    EXPECT_EQ(queue.failures(a), 0U);
    EXPECT_EQ(queue.add_after_failure(a, start, 1), start + 100ms);
}

TEST(WorkQueue, B8_who_asked_to_be_spared_for_a_while_is_whatever_else_is_wanted) {
    WorkQueue queue({200ms, 1min});
    queue.add(a, start);
    queue.take(start);
    queue.add(a, start);  // while it is active
    queue.done(a);
    EXPECT_EQ(queue.add_after_failure(a, start, 0, 30s), start + 30s);
    queue.add(a, start + 1s);
    EXPECT_EQ(queue.next_due(), start + 30s);
    EXPECT_EQ(queue.take(start + 29s), std::nullopt);
    EXPECT_EQ(queue.take(start + 30s), a);
    queue.done(a);
    EXPECT_EQ(queue.add_after_failure(a, start, 0, 24h), start + 1min);
    queue.forget(a);
    queue.add(a, start);
    EXPECT_EQ(queue.take(start), a);
}

TEST(WorkQueue, done_with_what_is_not_active_changes_nothing) {
    WorkQueue queue;
    EXPECT_FALSE(queue.done(a));
    queue.add(a, start);
    EXPECT_FALSE(queue.done(a));
    EXPECT_EQ(queue.take(start), a);
}

RC_GTEST_PROP(WorkQueue, a_delay_is_between_half_of_it_and_all_of_it_and_never_over_the_bound,
              (std::uint32_t failures, std::int64_t initial, std::int64_t longest, double random)) {
    const auto delay = backoff_delay(Duration(initial), Duration(std::max<std::int64_t>(longest, 0)), failures, random);
    RC_ASSERT(delay >= Duration::zero());
    RC_ASSERT(delay <= Duration(std::max<std::int64_t>(longest, 0)));
}

// The queue as it could be written without any care for cost: who wants in, since when, and who is in.
struct Model {
    std::map<ObjectKey, Time> wanted, not_before;
    std::set<ObjectKey> active;

    void add(const ObjectKey& key, Time due) {
        if (const auto spared = not_before.find(key); spared != not_before.end()) due = std::max(due, spared->second);
        const auto [at, is_new] = wanted.emplace(key, due);
        if (!is_new) at->second = std::min(at->second, due);
    }
    void fail(const ObjectKey& key, Time now, Duration at_least, Time due) {
        not_before.erase(key);
        if (at_least > Duration::zero()) not_before[key] = now + at_least;
        add(key, due);
        if (at_least > Duration::zero()) wanted[key] = std::max(wanted[key], now + at_least);
    }
    std::optional<Time> next_due() const {
        std::optional<Time> next;
        for (const auto& [key, due] : wanted) {
            if (!active.contains(key) && (!next || due < *next)) next = due;
        }
        return next;
    }
};

RC_GTEST_PROP(WorkQueue, B13_any_order_of_events_hands_out_each_wish_once_one_at_a_time_and_none_is_lost, ()) {
    WorkQueue queue;
    Model model;
    Time now = start;
    const auto steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) {
        const ObjectKey key{"n", std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)))};
        switch (*rc::gen::inRange(0, 6)) {
            case 0: now += std::chrono::milliseconds(*rc::gen::inRange(0, 2000)); break;
            case 1: {
                const Time due = now + std::chrono::milliseconds(*rc::gen::inRange(-500, 2000));
                queue.add(key, due);
                model.add(key, due);
                break;
            }
            case 2: {
                const Duration at_least = std::chrono::milliseconds(*rc::gen::element(0, 0, 700, 5000));
                model.fail(key, now, at_least, queue.add_after_failure(key, now, 0.5, at_least));
                break;
            }
            case 3:
                queue.forget(key);
                model.not_before.erase(key);
                break;
            case 4: RC_ASSERT(queue.done(key) == (model.active.erase(key) == 1)); break;
            default: {
                const auto taken = queue.take(now);
                const auto due = model.next_due();
                RC_ASSERT(taken.has_value() == (due && *due <= now));
                if (!taken) break;
                RC_ASSERT(!model.active.contains(*taken));
                RC_ASSERT(model.wanted.at(*taken) == *due);
                model.wanted.erase(*taken);
                model.active.insert(*taken);
            }
        }
        RC_ASSERT(queue.next_due() == model.next_due());
        RC_ASSERT(queue.active() == model.active.size());
    }
    // Everything that was wanted comes in the end.
    for (const auto& key : model.active) queue.done(key);
    std::set<ObjectKey> rest;
    while (const auto key = queue.take(now + 24h)) RC_ASSERT(rest.insert(*key).second);
    RC_ASSERT(rest.size() == model.wanted.size());
}

}  // namespace
}  // namespace drover::kube
