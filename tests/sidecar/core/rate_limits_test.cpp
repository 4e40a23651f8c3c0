#include "sidecar/core/rate_limits.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using jobqueue::Rate;
using testing::ElementsAre;

constexpr Time start{std::chrono::hours(24 * 365 * 56)};

double per_second(const Rate& rate) { return rate.max * 1e6 / static_cast<double>(rate.per.count()); }
double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

// --- one pod ---

// How many are taken until `end`, when there is always a job; asks only when next_at() says so.
std::int64_t take_until(QueueRate& queue, Time& now, Time end) {
    std::int64_t taken = 0;
    queue.demand(true, now);
    while (now < end) {
        while (queue.take(now)) ++taken;
        const auto next = queue.next_at(now);
        if (!next) break;
        EXPECT_GT(*next, now);
        now = *next;
    }
    now = end;
    return taken;
}

TEST(QueueRate, A13_from_one_a_day_to_a_hundred_thousand_a_second) {
    for (const Rate rate : {Rate{1, 24h}, Rate{1, 1h}, Rate{7, 1min}, Rate{1, 1s}, Rate{100, 1s}, Rate{333, 77ms},
                            Rate{100'000, 1s}, Rate{360'000'000, 1h}}) {
        QueueRate queue(rate);
        Time now = start;
        queue.set_partitions(12, 12, now);
        const auto length = std::max<Duration>(2s, std::chrono::ceil<Duration>(rate.per * 200.0 / rate.max));
        const double expected = per_second(rate) * seconds(length);
        const auto taken = static_cast<double>(take_until(queue, now, start + length));
        EXPECT_LE(taken, expected + 1e-6) << rate.max << " per " << rate.per.count();
        EXPECT_GE(taken, expected * (1 - 1e-4) - 1) << rate.max << " per " << rate.per.count();
    }
}

TEST(QueueRate, A13_asking_often_changes_nothing) {
    QueueRate queue({1, 1h});
    queue.set_partitions(1, 3, start);
    queue.demand(true, start);
    int taken = 0;
    Time now = start + 1250ms;  // from then on all of its partitions count
    for (; now < start + 300h; now += 333ms) taken += queue.take(now) ? 1 : 0;
    EXPECT_GE(taken, 99);
    EXPECT_LE(taken, 100);
}

TEST(QueueRate, A13_a_pod_starts_empty_and_saves_up_what_100_ms_bring_and_one_token_at_least) {
    QueueRate slow({2, 1s});
    slow.set_partitions(12, 12, start);
    slow.demand(true, start);
    EXPECT_FALSE(slow.take(start));
    EXPECT_EQ(slow.next_at(start), start + 500ms);
    EXPECT_TRUE(slow.take(start + 1h));
    EXPECT_FALSE(slow.take(start + 1h));

    QueueRate fast({1000, 1s});
    fast.set_partitions(12, 12, start);
    fast.demand(true, start);
    Time now = start + 1h;
    EXPECT_EQ(take_until(fast, now, now + 1us), 100);
}

TEST(QueueRate, nothing_is_taken_without_demand_partitions_or_a_rate) {
    QueueRate queue({1000, 1s});
    queue.demand(true, start);
    EXPECT_FALSE(queue.take(start + 1h));
    EXPECT_EQ(queue.next_at(start + 1h), std::nullopt);
    queue.set_partitions(5, 5, start + 1h);
    queue.demand(false, start + 1h);
    EXPECT_FALSE(queue.take(start + 2h));
    EXPECT_EQ(queue.next_at(start + 2h), std::nullopt);
    queue.demand(true, start + 2h);
    EXPECT_TRUE(queue.take(start + 2h));

    QueueRate none({0, 0s});
    none.set_partitions(5, 5, start);
    none.demand(true, start);
    EXPECT_FALSE(none.take(start + 1000h));
    EXPECT_EQ(none.next_at(start + 1000h), std::nullopt);
}

TEST(QueueRate, an_earlier_time_counts_as_the_latest) {
    QueueRate queue({1, 1s});
    queue.set_partitions(1, 1, start);
    queue.demand(true, start);
    EXPECT_TRUE(queue.take(start + 1s));
    EXPECT_FALSE(queue.take(start));
    EXPECT_FALSE(queue.take(start + 1s + 999ms));
    EXPECT_TRUE(queue.take(start + 2s));
}

TEST(QueueRate, A13_reports_once_a_second_and_only_where_there_are_others) {
    QueueRate queue({10, 1s});
    queue.set_partitions(12, 12, start);
    EXPECT_EQ(queue.report_due(start), std::nullopt);
    EXPECT_EQ(queue.report_at(), std::nullopt);
    queue.set_partitions(4, 12, start);
    EXPECT_EQ(queue.report_due(start), (QueueRate::Report{4, false}));
    queue.demand(true, start + 300ms);
    EXPECT_EQ(queue.report_due(start + 1s - 1us), std::nullopt);
    EXPECT_EQ(queue.report_at(), start + 1s);
    EXPECT_EQ(queue.report_due(start + 1s), (QueueRate::Report{4, true}));
    queue.set_partitions(0, 12, start + 5s);
    EXPECT_EQ(queue.report_due(start + 5s), (QueueRate::Report{0, true}));
    EXPECT_EQ(queue.report_due(start + 10s), std::nullopt) << "told once that there is nothing left";
}

TEST(QueueRate, A13_borrows_only_on_a_fresh_report_that_nothing_waits) {
    QueueRate queue({12, 1s});
    queue.set_partitions(4, 12, start);
    queue.demand(true, start);
    const Time now = start + 2s;
    EXPECT_TRUE(queue.take(now));
    const auto pace = [&queue](Time at) { return *queue.next_at(at) - at; };
    EXPECT_EQ(pace(now), 250ms);  // its own share, 4 a second
    queue.heard("b", {4, false}, now, now);
    EXPECT_EQ(pace(now), 166'667us);  // 4 of 8
    queue.heard("c", {4, true}, now, now);
    EXPECT_EQ(pace(now), 166'667us);
    queue.heard("c", {4, false}, now + 1us, now);
    EXPECT_EQ(pace(now), 83'334us);
    queue.heard("c", {4, true}, now - 1us, now);  // came late, and is older
    EXPECT_EQ(pace(now), 83'334us);
    queue.forget("c", now);
    EXPECT_EQ(pace(now), 166'667us);
    queue.heard("c", {4, false}, now - 3s, now);  // stale
    EXPECT_EQ(pace(now), 166'667us);
    Time later = now;
    EXPECT_EQ(take_until(queue, later, now + 3s), 17);  // b's report ends
    EXPECT_EQ(take_until(queue, later, now + 13s), 40);
}

TEST(QueueRate, A13_a_pod_whose_share_is_borrowed_starts_with_nothing_and_waits_until_all_have_heard) {
    QueueRate queue({10, 1s});
    queue.set_partitions(5, 10, start);
    queue.heard("b", {5, false}, start + 2s, start + 2s);
    EXPECT_TRUE(queue.report_due(start + 2s).has_value());
    queue.heard("b", {5, true}, start + 2500ms, start + 2500ms);
    queue.demand(true, start + 2600ms);
    EXPECT_FALSE(queue.take(start + 2900ms));
    EXPECT_EQ(queue.report_due(start + 3s), (QueueRate::Report{5, true}));
    EXPECT_EQ(queue.next_at(start + 3s), start + 3s + QueueRate::hearing);
    EXPECT_FALSE(queue.take(start + 3s + QueueRate::hearing));
    EXPECT_FALSE(queue.take(start + 3s + QueueRate::hearing + 199ms));
    EXPECT_TRUE(queue.take(start + 3s + QueueRate::hearing + 200ms));
}

TEST(QueueRate, A13_a_partition_that_is_new_here_counts_when_its_last_owner_s_report_is_corrected_or_stale) {
    QueueRate queue({100, 1s});
    queue.set_partitions(4, 12, start);
    queue.demand(true, start);
    EXPECT_EQ(queue.report_due(start), (QueueRate::Report{0, true}));
    EXPECT_EQ(queue.next_at(start), start + 1250ms);
    queue.heard("b", {6, false}, start - 100ms, start);  // it had two of them, and was killed
    EXPECT_FALSE(queue.take(start + 2s));
    EXPECT_EQ(queue.next_at(start + 2s), start + 2900ms);
    EXPECT_EQ(queue.report_due(start + 2900ms), (QueueRate::Report{4, true}));
    EXPECT_TRUE(queue.take(start + 3s));
}

// --- several pods ---

constexpr Duration tick = 5ms;
constexpr int all_partitions = 12;

class World {
public:
    explicit World(Rate rate) : rate_(rate) {}

    struct Pod {
        std::string name;
        QueueRate queue;
        int partitions = 0;
        std::int64_t waiting = 0;
        std::int64_t taken = 0;
        bool is_stalled = false;  // its worker takes nothing
        bool is_leaving = false;
        std::optional<Time> reported_at;
    };

    Pod& join(int partitions) {
        pods_.push_back(
            std::make_unique<Pod>(Pod{.name = "pod-" + std::to_string(names_++), .queue = QueueRate(rate_)}));
        assign(*pods_.back(), partitions);
        for (const Sent& sent : heard_) pods_.back()->queue.heard(sent.from, sent.report, sent.at, now_);
        return *pods_.back();
    }
    void assign(Pod& pod, int partitions) {
        pod.partitions = partitions;
        pod.queue.set_partitions(partitions, all_partitions, now_);
    }
    // What a consumer group does: first it takes away, and a moment later it assigns what belongs to nobody.
    void rebalance(Duration free_in) {
        std::vector<Pod*> members;
        for (auto& pod : pods_)
            if (!pod->is_leaving) members.push_back(pod.get());
        for (std::size_t i = 0; i < members.size(); ++i) {
            const int target =
                all_partitions / static_cast<int>(members.size()) + (i < all_partitions % members.size() ? 1 : 0);
            if (target < members[i]->partitions) assign(*members[i], target);
        }
        assign_at_ = now_ + free_in;
    }
    void leave(Pod& pod) {
        pod.is_leaving = true;
        pod.waiting = 0;
        assign(pod, 0);
        rebalance(50ms);
    }
    void kill(std::size_t index, Duration session) {
        pods_.erase(pods_.begin() + static_cast<std::ptrdiff_t>(index));
        rebalance(session);
    }

    // `delay` of the reports that are sent now.
    void step(Duration delay) {
        if (assign_at_ && now_ >= *assign_at_) assign_free();
        while (!reports_.empty() && reports_.front().arrives_at <= now_) {
            for (auto& pod : pods_) {
                const Sent& sent = reports_.front();
                if (pod->name != sent.from) pod->queue.heard(sent.from, sent.report, sent.at, now_);
            }
            heard_.push_back(reports_.front());
            reports_.pop_front();
        }
        while (!heard_.empty() && now_ - heard_.front().at > 4s) heard_.pop_front();
        for (auto& pod : pods_) pod->queue.demand(pod->waiting > 0, now_);
        for (auto& pod : pods_) {
            const auto report = pod->queue.report_due(now_);
            if (!report) continue;
            RC_ASSERT((!pod->reported_at || now_ - *pod->reported_at >= 1s));
            pod->reported_at = now_;
            // One partition keeps the order: nothing arrives before what was sent before it.
            const Time arrives = std::max(now_ + delay, reports_.empty() ? now_ : reports_.back().arrives_at);
            reports_.push_back({.from = pod->name, .report = *report, .at = now_ + delay / 2, .arrives_at = arrives});
        }
        std::erase_if(pods_, [this](const auto& pod) {
            return pod->is_leaving && (pod->queue.report_at() == std::nullopt || pod->reported_at == now_);
        });

        const auto wanting = std::ranges::count_if(pods_, [](const auto& pod) { return pod->waiting > 0; });
        lowest_ = std::min(lowest_,
                           static_cast<double>(taken_) - per_second(rate_) * elapsed() + static_cast<double>(wanting));
        for (auto& pod : pods_) {
            while (pod->waiting > 0 && !pod->is_stalled && pod->queue.take(now_)) {
                --pod->waiting;
                ++pod->taken;
                ++taken_;
                last_taken_at_ = now_;
            }
            pod->queue.demand(pod->waiting > 0, now_);
        }
        // The header's bound, for all windows that end now.
        const double most = std::max(1.0, per_second(rate_) * 0.1);
        RC_ASSERT(static_cast<double>(taken_) - per_second(rate_) * elapsed() - lowest_ <= most + 1e-6);
        now_ += tick;
    }
    void run(Duration length, Duration delay) {
        for (const Time end = now_ + length; now_ < end;) step(delay);
    }

    Pod& pod(std::size_t index) { return *pods_[index]; }
    std::size_t pods() const { return pods_.size(); }
    Time now() const { return now_; }
    Time last_taken_at() const { return last_taken_at_; }
    std::int64_t taken() const { return taken_; }

private:
    struct Sent {
        std::string from;
        QueueRate::Report report;
        Time at{}, arrives_at{};
    };

    double elapsed() const { return seconds(now_ - start); }
    void assign_free() {
        assign_at_.reset();
        int free = all_partitions;
        std::vector<Pod*> members;
        for (auto& pod : pods_) {
            free -= pod->partitions;
            if (!pod->is_leaving) members.push_back(pod.get());
        }
        while (free-- > 0 && !members.empty()) {
            Pod& least = **std::ranges::min_element(members, {}, [](const Pod* pod) { return pod->partitions; });
            assign(least, least.partitions + 1);
        }
    }

    Rate rate_;
    Time now_ = start;
    std::vector<std::unique_ptr<Pod>> pods_;
    int names_ = 0;
    std::deque<Sent> reports_;  // on their way
    std::deque<Sent> heard_;    // a new pod reads them first
    std::optional<Time> assign_at_;
    std::int64_t taken_ = 0;
    double lowest_ = 0;
    Time last_taken_at_ = start;
};

RC_GTEST_PROP(QueueRate, A13_no_window_sees_more_than_the_header_says_whatever_pods_and_demand_do, ()) {
    const Rate rate = *rc::gen::element(Rate{1, 2s}, Rate{1, 1s}, Rate{10, 1s}, Rate{100, 1s}, Rate{3000, 1s});
    World world(rate);
    const auto pods = *rc::gen::inRange(1, 5);
    for (int i = 0; i < pods; ++i) world.join(0);
    world.rebalance(0s);
    const auto events = *rc::gen::inRange(0, 100);
    for (int i = 0; i < events; ++i) {
        const auto index = *rc::gen::inRange<std::size_t>(0, world.pods());
        World::Pod& pod = world.pod(index);
        switch (*rc::gen::weightedElement<int>({{8, 0}, {5, 1}, {2, 2}, {1, 3}, {1, 4}, {1, 5}})) {
            case 0:
                if (!pod.is_leaving) pod.waiting += *rc::gen::element(1, 1, 3, 100, 100'000);
                break;
            case 1: pod.waiting = 0; break;
            case 2: pod.is_stalled = !pod.is_stalled; break;
            case 3:
                if (world.pods() > 5) break;
                world.join(0);
                world.rebalance(50ms);
                break;
            case 4:
                if (world.pods() > 1 && !pod.is_leaving) world.leave(pod);
                break;
            default:
                if (world.pods() > 1) world.kill(index, *rc::gen::element<Duration>(50ms, 6s));
                break;
        }
        const auto pause = *rc::gen::element<Duration>(5ms, 50ms, 300ms, 1s, 3s);
        for (const Time end = world.now() + pause; world.now() < end;) {
            world.run(100ms, *rc::gen::element<Duration>(5ms, 50ms, 200ms));
        }
    }
}

TEST(QueueRate, A13_a_pod_that_alone_has_jobs_gets_the_whole_rate_within_two_seconds) {
    for (const Rate rate : {Rate{10, 1s}, Rate{100, 1s}, Rate{20'000, 1s}}) {
        for (const bool others_were_busy : {false, true}) {
            for (std::size_t alone = 0; alone < 3; ++alone) {
                for (const Duration phase : {0ms, 300ms, 995ms}) {
                    World world(rate);
                    for (const int partitions : {9, 2, 1}) world.join(partitions);
                    world.run(4s, 200ms);
                    for (std::size_t i = 0; others_were_busy && i < 3; ++i) world.pod(i).waiting = 1'000'000;
                    world.run(3s + phase, 200ms);
                    for (std::size_t i = 0; i < 3; ++i) world.pod(i).waiting = i == alone ? 1'000'000 : 0;
                    world.run(2s, 200ms);
                    const auto before = world.taken();
                    world.run(10s, 200ms);
                    EXPECT_GE(static_cast<double>(world.taken() - before), 0.95 * per_second(rate) * 10);
                }
            }
        }
    }
}

TEST(QueueRate, A13_with_jobs_everywhere_the_whole_rate_is_used_by_shares) {
    World world({100, 1s});
    for (const int partitions : {6, 4, 2}) world.join(partitions).waiting = 1'000'000;
    world.run(2s, 200ms);
    const std::int64_t before[] = {world.pod(0).taken, world.pod(1).taken, world.pod(2).taken};
    world.run(12s, 200ms);
    EXPECT_NEAR(static_cast<double>(world.pod(0).taken - before[0]), 600, 1);
    EXPECT_NEAR(static_cast<double>(world.pod(1).taken - before[1]), 400, 1);
    EXPECT_NEAR(static_cast<double>(world.pod(2).taken - before[2]), 200, 1);
}

TEST(QueueRate, A13_ten_jobs_at_one_a_second_take_9_to_12_seconds_on_three_pods_however_they_are_spread) {
    for (const auto& partitions : {std::vector{4, 4, 4}, {6, 5, 1}, {10, 1, 1}}) {
        for (int first = 0; first <= 10; ++first) {
            for (int second = 0; first + second <= 10; ++second) {
                for (const Duration idle : {5000ms, 5300ms, 60'995ms}) {
                    World world({1, 1s});
                    for (const int mine : partitions) {
                        world.join(mine);
                        world.run(330ms, 100ms);  // so that they report at different moments
                    }
                    world.run(idle, 100ms);
                    const Time given = world.now();
                    world.pod(0).waiting = first;
                    world.pod(1).waiting = second;
                    world.pod(2).waiting = 10 - first - second;
                    while (world.taken() < 10 && world.now() < given + 30s) world.step(200ms);
                    const double took = seconds(world.last_taken_at() - given);
                    EXPECT_GE(took, 9 - 1e-6) << first << "+" << second << " of " << partitions[0];
                    EXPECT_LE(took, 12) << first << "+" << second << " of " << partitions[0] << " " << idle.count();
                }
            }
        }
    }
}

TEST(QueueRate, B12_a_new_rate_counts_from_now_on_and_leaves_neither_debt_nor_a_heap_of_tokens) {
    QueueRate queue({1000, 1s});
    queue.set_partitions(1, 1, start);
    Time now = start + 10s;
    queue.demand(true, start);
    queue.set_rate({1, 1h}, now);  // the bucket holds 100 tokens by then
    EXPECT_EQ(take_until(queue, now, now + 30min), 1);
    queue.set_rate({3600, 1h}, now);  // half a token has been saved up
    EXPECT_EQ(queue.next_at(now), now + 500ms);
    EXPECT_EQ(take_until(queue, now, now + 10s), 10);
    queue.set_rate({0, 1s}, now);
    EXPECT_EQ(take_until(queue, now, now + 1h), 0);
}

// --- keys ---

TEST(KeyRates, A13_one_a_minute_per_phone_number) {
    KeyRates keys({1, 1min});
    EXPECT_TRUE(keys.take(7, start));
    EXPECT_FALSE(keys.take(7, start + 59s));
    EXPECT_TRUE(keys.take(8, start + 59s)) << "another key has a limit of its own";
    EXPECT_EQ(keys.next_at(7, start + 59s), start + 60s);
    EXPECT_EQ(keys.reserve(7, start + 59s), start + 60s);
    EXPECT_EQ(keys.reserve(7, start + 59s), start + 120s);
    EXPECT_FALSE(keys.take(7, start + 60s)) << "that place is taken";
    EXPECT_EQ(keys.next_at(7, start + 60s), start + 180s);
    EXPECT_TRUE(keys.take(7, start + 180s));
    EXPECT_EQ(keys.next_at(9, start + 180s), start + 180s);
}

TEST(KeyRates, A13_a_burst_may_use_all_places_at_once) {
    KeyRates keys({3, 1s});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(keys.take(1, start + i * 100ms));
    EXPECT_FALSE(keys.take(1, start + 999ms));
    EXPECT_TRUE(keys.take(1, start + 1s));
    EXPECT_FALSE(keys.take(1, start + 1s));
    EXPECT_EQ(keys.next_at(1, start + 1s), start + 1100ms);
}

TEST(KeyRates, keys_are_forgotten_when_they_have_all_places_again) {
    KeyRates keys({2, 1s});
    for (std::uint64_t key = 0; key < 10'000; ++key) keys.take(key, start + std::chrono::milliseconds(key));
    EXPECT_LE(keys.size(), 2001U);
    EXPECT_EQ(keys.reserve(1, start + 10s), start + 10s);
    EXPECT_EQ(keys.reserve(1, start + 10s), start + 10s);
    for (int i = 0; i < 10; ++i) keys.reserve(1, start + 10s);
    keys.next_at(0, start + 14s);
    EXPECT_EQ(keys.size(), 1U) << "places in the future are not forgotten";
    EXPECT_EQ(keys.next_at(1, start + 14s), start + 16s);
    keys.next_at(0, start + 18s);
    EXPECT_EQ(keys.size(), 0U);
}

TEST(KeyRates, B12_a_new_rate_counts_the_places_that_a_key_was_given) {
    KeyRates keys({3, 1h});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(keys.take(1, start + i * 10min));
    EXPECT_FALSE(keys.take(1, start + 20min));
    keys.set_rate({1, 30min}, start + 20min);
    EXPECT_EQ(keys.next_at(1, start + 20min), start + 50min) << "30 min after the last";
    keys.set_rate({2, 30min}, start + 20min);
    EXPECT_EQ(keys.next_at(1, start + 20min), start + 20min) << "no later than the new rate has it";
    keys.next_at(2, start + 90min);
    EXPECT_EQ(keys.size(), 0U) << "forgotten when the new rate says so";
}

// As many as before and after the change were one history: what the new rate had given then, it gives, and no more.
RC_GTEST_PROP(KeyRates, B12_after_a_change_every_place_is_where_the_new_rate_has_it, ()) {
    const auto old_max = *rc::gen::element(1, 2, 5, 64), max = *rc::gen::element(1, 2, 3, 10, 64);
    const Duration old_per = 1min, per = *rc::gen::element<Duration>(1s, 30s, 1min);
    KeyRates keys({old_max, old_per});
    std::vector<Time> places;
    Time now = start;
    for (int i = 0; i < 100; ++i) {
        now += *rc::gen::inRange(0, 3) * (old_per / old_max) / 2;
        if (keys.take(7, now)) places.push_back(now);
    }
    keys.set_rate({max, per}, now);
    const auto size = static_cast<std::size_t>(max);
    for (int i = 0; i < 100; ++i) {
        now += *rc::gen::inRange(0, 3) * (per / max) / 2;
        const bool is_free = places.size() < size || places[places.size() - size] + per <= now;
        RC_ASSERT(keys.take(7, now) == is_free);
        if (is_free) places.push_back(now);
    }
}

RC_GTEST_PROP(KeyRates, A13_no_window_has_more_than_max_places_and_they_are_given_in_order, ()) {
    const auto max = *rc::gen::element(1, 2, 5, 64, 65, 300);
    const Duration per = *rc::gen::element<Duration>(1ms, 1s, 1min, 24h);
    KeyRates keys({max, per});
    std::map<std::uint64_t, std::vector<Time>> given;
    std::vector<std::pair<Time, std::uint64_t>> used;
    Time now = start;
    const auto steps = *rc::gen::inRange(0, 300);
    const Duration pause = std::max(per / max / *rc::gen::element(1, 2, 10), Duration(1));
    for (int i = 0; i < steps; ++i) {
        now += *rc::gen::inRange(0, 3) * pause;
        if (*rc::gen::inRange(0, 100) == 0) now += 2 * per;
        const std::uint64_t key = *rc::gen::inRange(0, 3);
        const auto times = *rc::gen::element(1, 1, 1, max);
        for (int n = 0; n < times; ++n) {
            auto& places = given[key];
            const Time next = keys.next_at(key, now);
            RC_ASSERT(next >= now);
            // There is one at once unless `max` were given in the last `per`, or, of many, a little longer.
            const Duration blocked = max <= 64 ? per : per + per / 64 + 2us;
            const auto size = static_cast<std::size_t>(max);
            const bool is_free = places.size() < size || places[places.size() - size] + blocked <= now;
            if (is_free && (places.empty() || places.back() <= now)) RC_ASSERT(next == now);
            if (*rc::gen::inRange(0, 4) == 0) {
                RC_ASSERT(keys.reserve(key, now) == next);
                places.push_back(next);
            } else {
                RC_ASSERT(keys.take(key, now) == (next == now));
                if (next == now) places.push_back(now);
            }
        }
    }
    for (const auto& [key, places] : given) {
        RC_ASSERT(std::ranges::is_sorted(places));
        for (std::size_t i = static_cast<std::size_t>(max); i < places.size(); ++i)
            RC_ASSERT(places[i] - places[i - static_cast<std::size_t>(max)] >= per);
    }
    keys.next_at(99, std::max(now, keys.next_at(0, now)) + 1000 * per);
    keys.next_at(99, std::max(now, keys.next_at(0, now)) + 2000 * per);
    RC_ASSERT(keys.size() == 0U);
}

TEST(KeyRates, A13_a_large_max_is_reached_to_within_two_percent) {
    KeyRates keys({1000, 1s});
    int taken = 0;
    for (Time now = start; now < start + 20s; now += 333us) taken += keys.take(5, now) ? 1 : 0;
    EXPECT_GE(taken, 19'600);
    EXPECT_LE(taken, 20'000);
}

}  // namespace
}  // namespace drover::sidecar
