#include "sidecar/core/ready_lanes.h"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr Time start{std::chrono::hours(24 * 365 * 56)};

const std::vector<int> default_weights{16, 8, 4, 2, 1};

// The header's B: how many other jobs are taken at most before the first one of an aged lane.
int most_before(const std::vector<int>& weights, std::size_t lane) {
    int most = 0;
    for (std::size_t other = 0; other < weights.size(); ++other)
        if (other != lane) most += weights[other] / weights[lane] + 1;
    return most;
}

std::vector<Slot> pop_all(ReadyLanes& lanes, Time now) {
    std::vector<Slot> slots;
    while (const auto slot = lanes.pop(now)) slots.push_back(*slot);
    return slots;
}

TEST(ReadyLanes, A12_a_job_of_a_more_urgent_lane_goes_first) {
    ReadyLanes lanes;
    lanes.push_back(4, 40, start);
    lanes.push_back(2, 20, start);
    lanes.push_back(2, 21, start);
    lanes.push_back(0, 0, start + 4s);
    EXPECT_EQ(lanes.size(), 4U);
    EXPECT_EQ(lanes.size(2), 2U);
    EXPECT_EQ(lanes.next(start + 4s), Slot{0});
    EXPECT_THAT(pop_all(lanes, start + 4s), ElementsAre(0, 20, 21, 40));
    EXPECT_EQ(lanes.next(start + 4s), std::nullopt);
    EXPECT_EQ(lanes.size(), 0U);
}

TEST(ReadyLanes, one_lane_is_a_queue) {
    ReadyLanes lanes({}, 5s);
    for (Slot slot = 0; slot < 5; ++slot) lanes.push_back(slot, slot, start + slot * 10s);
    EXPECT_EQ(lanes.pop(start + 100s), Slot{0});
    lanes.push_front(0, 0, start + 100s);
    EXPECT_THAT(pop_all(lanes, start + 100s), ElementsAre(0, 1, 2, 3, 4));
}

TEST(ReadyLanes, A12_a_job_that_is_given_back_keeps_its_place_and_its_waiting_time) {
    ReadyLanes lanes;
    lanes.push_back(3, 30, start);
    lanes.push_back(3, 31, start + 1s);
    EXPECT_EQ(lanes.pop(start + 1s), Slot{30});
    lanes.push_front(3, 30, start + 4s);
    for (Slot slot = 0; slot < 20; ++slot) lanes.push_back(0, slot, start + 4s);
    EXPECT_EQ(lanes.next(start + 5s - 1us), Slot{0});
    // Aged from here on: lane 0 has as many turns as the one that lane 3 had is worth, and then it is lane 3's.
    const auto order = pop_all(lanes, start + 5s);
    EXPECT_EQ(std::ranges::find(order, Slot{30}) - order.begin(), 16 / 2 + 1);
    EXPECT_EQ(order.back(), Slot{31});
}

TEST(ReadyLanes, a_slot_that_was_never_ready_before_begins_to_wait_when_it_is_given_back) {
    ReadyLanes lanes;
    lanes.push_front(1, 10, start);
    lanes.push_back(0, 0, start + 4s);
    lanes.push_back(0, 1, start + 4s);
    EXPECT_EQ(lanes.pop(start + 4s), Slot{0});
    EXPECT_EQ(lanes.pop(start + 5s), Slot{10});
}

TEST(ReadyLanes, dropped_jobs_are_named_in_order_and_the_others_stay) {
    ReadyLanes lanes({2, 1}, 5s);
    for (Slot slot = 0; slot < 10; ++slot) lanes.push_back(slot % 2, slot, start);
    EXPECT_THAT(lanes.drop_if([](Slot slot) { return slot >= 3 && slot <= 7; }), ElementsAre(4, 6, 3, 5, 7));
    EXPECT_EQ(lanes.size(), 5U);
    EXPECT_THAT(pop_all(lanes, start), ElementsAre(0, 2, 8, 1, 9));
}

TEST(ReadyLanes, A12_when_all_lanes_are_aged_each_gets_its_weight_of_every_31_turns) {
    ReadyLanes lanes;
    Slot slot = 0;
    std::map<Slot, std::size_t> lane_of;
    for (std::size_t lane = 0; lane < 5; ++lane) {
        for (int i = 0; i < 500; ++i) {
            lane_of[slot] = lane;
            lanes.push_back(lane, slot++, start);
        }
    }
    for (int round = 0; round < 10; ++round) {
        std::vector<int> turns(5);
        for (int i = 0; i < 31; ++i) ++turns[lane_of.at(*lanes.pop(start + 5s))];
        EXPECT_EQ(turns, default_weights) << "round " << round;
    }
}

RC_GTEST_PROP(ReadyLanes, A12_shares_follow_any_weights, ()) {
    const auto weights =
        *rc::gen::resize(5, rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 40))));
    ReadyLanes lanes(weights, 5s);
    std::map<Slot, std::size_t> lane_of;
    Slot slot = 0;
    for (std::size_t lane = 0; lane < weights.size(); ++lane) {
        for (int i = 0; i < 600; ++i) {
            lane_of[slot] = lane;
            lanes.push_back(lane, slot++, start);
        }
    }
    std::vector<double> turns(weights.size());
    for (int i = 0; i < 500; ++i) {
        ++turns[lane_of.at(*lanes.pop(start + 5s))];
        for (std::size_t a = 0; a < weights.size(); ++a) {
            for (std::size_t b = 0; b < a; ++b) {
                RC_ASSERT(std::abs(turns[a] / weights[a] - turns[b] / weights[b]) <=
                          1.0 / weights[a] + 1.0 / weights[b] + 1e-9);
            }
        }
    }
}

TEST(ReadyLanes, A12_an_endless_stream_of_lane_0_starves_nobody) {
    ReadyLanes lanes;
    Slot urgent = 1000;
    std::map<Slot, std::pair<std::size_t, int>> waiting;  // slot → lane, jobs of its lane before it
    for (std::size_t lane = 1; lane < 5; ++lane) {
        for (int place = 0; place < 20; ++place) {
            const Slot slot = static_cast<Slot>(lane * 100) + static_cast<Slot>(place);
            lanes.push_back(lane, slot, start);
            waiting[slot] = {lane, place};
        }
    }
    for (int i = 0; i < 1000; ++i) {
        lanes.push_back(0, urgent, start + i * 1ms);
        EXPECT_EQ(lanes.pop(start + i * 1ms), urgent++) << "nobody has waited long";
    }
    int turns = 0;
    while (!waiting.empty()) {
        const Time now = start + 5s + turns * 1ms;
        lanes.push_back(0, urgent++, now);
        const Slot slot = *lanes.pop(now);
        ++turns;
        if (const auto found = waiting.find(slot); found != waiting.end()) {
            const auto [lane, before] = found->second;
            ASSERT_LE(turns, (before + 1) * (most_before(default_weights, lane) + 1)) << "slot " << slot;
            waiting.erase(found);
        }
        ASSERT_LT(turns, 20 * 35);
    }
    EXPECT_GE(lanes.size(0), 80U);  // no more turns than theirs were taken from lane 0
}

TEST(ReadyLanes, A12_the_bounds_that_the_header_names) {
    std::vector<int> bounds;
    for (std::size_t lane = 0; lane < 5; ++lane) bounds.push_back(most_before(default_weights, lane));
    EXPECT_THAT(bounds, ElementsAre(4, 6, 10, 18, 34));
}

// The rule, watched from outside: what may be next, and how long a lane may be passed over.
class Watched {
public:
    Watched(std::vector<int> weights, Duration ageing)
        : lanes_(weights, ageing),
          weights_(std::move(weights)),
          ageing_(ageing),
          jobs_(weights_.size()),
          passed_over_(weights_.size()) {}

    void push_back(std::size_t lane, Time now) {
        const Slot slot = free_.empty() ? slots_++ : free_.back();
        if (!free_.empty()) free_.pop_back();
        jobs_[lane].push_back({slot, now});
        lanes_.push_back(lane, slot, now);
    }
    void pop(Time now) {
        const auto top = static_cast<std::size_t>(
            std::ranges::find_if(jobs_, [](const auto& jobs) { return !jobs.empty(); }) - jobs_.begin());
        const auto shown = lanes_.next(now);
        RC_ASSERT(lanes_.pop(now) == shown);
        RC_ASSERT(shown.has_value() == (top < jobs_.size()));
        if (!shown) return;
        std::optional<std::size_t> taken;
        bool below = false;
        for (std::size_t lane = top; lane < jobs_.size(); ++lane) {
            if (is_first(lane, *shown)) taken = lane;
            below = below || (lane > top && is_aged(lane, now));
        }
        RC_ASSERT(taken.has_value());  // in order within its lane
        RC_ASSERT((*taken == top || (below && is_aged(*taken, now))));
        for (std::size_t lane = 0; lane < jobs_.size(); ++lane) {
            passed_over_[lane] = is_aged(lane, now) && lane != *taken ? passed_over_[lane] + 1 : 0;
            RC_ASSERT(passed_over_[lane] <= most_before(weights_, lane));
        }
        in_flight_.emplace_back(*taken, jobs_[*taken].front());
        jobs_[*taken].pop_front();
    }
    void finish_one(bool give_back, Time now) {
        if (in_flight_.empty()) return;
        const auto [lane, job] = in_flight_.front();
        in_flight_.pop_front();
        if (give_back) {
            auto& jobs = jobs_[lane];
            jobs.insert(std::ranges::find_if(jobs, [&](const Job& other) { return other.since >= job.since; }), job);
            lanes_.push_front(lane, job.slot, now);
        } else {
            free_.push_back(job.slot);
        }
    }
    void drop(Slot remainder) {
        std::vector<Slot> expected;
        for (auto& jobs : jobs_) {
            for (const Job& job : jobs)
                if (job.slot % 3 == remainder) expected.push_back(job.slot);
            std::erase_if(jobs, [&](const Job& job) { return job.slot % 3 == remainder; });
        }
        RC_ASSERT(lanes_.drop_if([&](Slot slot) { return slot % 3 == remainder; }) == expected);
        free_.insert(free_.end(), expected.begin(), expected.end());
    }
    void sizes_agree() const {
        std::size_t sum = 0;
        for (std::size_t lane = 0; lane < jobs_.size(); ++lane) {
            RC_ASSERT(lanes_.size(lane) == jobs_[lane].size());
            sum += jobs_[lane].size();
        }
        RC_ASSERT(lanes_.size() == sum);
    }

private:
    struct Job {
        Slot slot;
        Time since;
    };
    bool is_first(std::size_t lane, Slot slot) const {
        return !jobs_[lane].empty() && jobs_[lane].front().slot == slot;
    }
    bool is_aged(std::size_t lane, Time now) const {
        return !jobs_[lane].empty() && now - jobs_[lane].front().since >= ageing_;
    }

    ReadyLanes lanes_;
    std::vector<int> weights_;
    Duration ageing_;
    std::vector<std::deque<Job>> jobs_;
    std::vector<int> passed_over_;
    std::deque<std::pair<std::size_t, Job>> in_flight_;
    std::vector<Slot> free_;
    Slot slots_ = 0;
};

RC_GTEST_PROP(ReadyLanes, A12_strict_until_aged_then_bounded_for_every_lane, ()) {
    const auto weights = *rc::gen::oneOf(
        rc::gen::just(default_weights),
        rc::gen::resize(5, rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 20)))));
    Watched lanes(weights, 5s);
    Time now = start;
    const auto steps = *rc::gen::inRange(0, 400);
    const auto pause = *rc::gen::element<Duration>(1ms, 100ms, 1s);
    for (int i = 0; i < steps; ++i) {
        switch (*rc::gen::weightedElement<int>({{6, 0}, {5, 1}, {2, 2}, {1, 3}, {2, 4}})) {
            case 0: lanes.push_back(*rc::gen::inRange<std::size_t>(0, weights.size()), now); break;
            case 1: lanes.pop(now); break;
            case 2: lanes.finish_one(*rc::gen::arbitrary<bool>(), now); break;
            case 3:
                if (*rc::gen::inRange(0, 10) == 0) lanes.drop(*rc::gen::inRange<Slot>(0, 3));
                break;
            default: now += *rc::gen::inRange(0, 5) * pause; break;
        }
        lanes.sizes_agree();
    }
}

}  // namespace
}  // namespace drover::sidecar
