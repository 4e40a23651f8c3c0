// A fluid simulation of the whole loop: arrivals, a FIFO backlog, replicas that take 3 s to start and stop at once,
// and `decide` every 0.5 s. Deterministic. What it shows: on traces that the largest scale can serve, no job waits
// longer for a slot than the target.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "operator/core/decide.h"

namespace drover::operator_core {
namespace {

using namespace std::chrono_literals;

struct Trace {
    std::string name;
    double service_seconds;
    double duration;                              // seconds
    std::function<double(double)> jobs_a_second;  // at a second of the trace
};

struct Outcome {
    double longest_wait = 0;     // seconds until a slot was free
    double replica_seconds = 0;  // wanted, so paid for
    double needed_seconds = 0;   // the work itself, on full replicas
    int most = 0;
    int at_the_end = 0;
};

class Simulation {
public:
    Simulation(const ScalingPolicy& policy, const Trace& trace) : policy_(policy), trace_(trace) {}

    Outcome run() {
        constexpr int ticks_per_decision = 10;
        // Two idle minutes after the trace show that it comes down again.
        const int ticks = static_cast<int>((trace_.duration + 120) / tick_s);
        for (int tick = 0; tick < ticks; ++tick) {
            const double now = tick * tick_s;
            arrive(now);
            serve(now);
            if (tick % ticks_per_decision == 0) scale(now);
            outcome_.replica_seconds += wanted_ * tick_s;
        }
        outcome_.needed_seconds = served_ * trace_.service_seconds / policy_.concurrency;
        outcome_.at_the_end = wanted_;
        return outcome_;
    }

private:
    static constexpr double tick_s = 0.05;
    static constexpr double start_s = 3;
    struct Share {
        double at;
        double jobs;
    };

    void arrive(double now) {
        const double jobs = now < trace_.duration ? trace_.jobs_a_second(now) * tick_s : 0;
        arrived_ += jobs;
        if (jobs > 0) waiting_.push_back({now, jobs});
    }
    void serve(double now) {
        while (!starting_.empty() && starting_.front() <= now) {
            starting_.pop_front();
            ++ready_;
        }
        double room = ready_ * policy_.concurrency / trace_.service_seconds * tick_s;
        while (room > 0 && !waiting_.empty()) {
            Share& oldest = waiting_.front();
            const double taken = std::min(room, oldest.jobs);
            outcome_.longest_wait = std::max(outcome_.longest_wait, now - oldest.at);
            oldest.jobs -= taken;
            room -= taken;
            served_ += taken;
            if (oldest.jobs <= 1e-9) waiting_.pop_front();
        }
    }
    void scale(double now) {
        const auto served = static_cast<std::int64_t>(served_);
        const Observation seen{
            .replicas = wanted_,
            .partitions = 40,
            .backlog = static_cast<std::int64_t>(std::ceil(arrived_ - served_ - 1e-6)),
            .end_offsets = static_cast<std::int64_t>(arrived_),
            .busy = BusyCounters{.busy_us = static_cast<std::int64_t>(served * trace_.service_seconds * 1e6),
                                 .completions = served},
            .retries_due_soon = 0};
        const Time time = time_from_millis(1'800'000'000'000) + std::chrono::milliseconds(std::llround(now * 1000));
        Decision decision = decide(policy_, seen, memory_, time);
        memory_ = std::move(decision.next);
        for (; wanted_ < decision.replicas; ++wanted_) starting_.push_back(now + start_s);
        for (; wanted_ > decision.replicas; --wanted_) {
            if (starting_.empty()) {
                --ready_;
            } else {
                starting_.pop_back();
            }
        }
        outcome_.most = std::max(outcome_.most, wanted_);
    }

    const ScalingPolicy& policy_;
    const Trace& trace_;
    Memory memory_;
    std::deque<Share> waiting_;    // oldest first
    std::deque<double> starting_;  // when each will be ready, oldest first
    double arrived_ = 0, served_ = 0;
    int wanted_ = 0, ready_ = 0;
    Outcome outcome_;
};

// 20 replicas of 8 slots serve 160 jobs a second of 1 s each.
const Trace traces[] = {
    {"steady", 1.0, 600, [](double) { return 60.0; }},
    {"step", 1.0, 600, [](double t) { return t < 200   ? 5.0
                                             : t < 400 ? 140.0
                                                       : 5.0; }},
    {"ramp", 1.0, 600, [](double t) { return 150 * t / 600; }},
    {"wave", 0.5, 900, [](double t) { return 130 + 120 * std::sin(t / 30); }},
    {"burst", 1.0, 300, [](double t) { return t < 1 ? 3000.0 : 0.0; }},
    {"on and off", 2.0, 900, [](double t) { return std::fmod(t, 150) < 30 ? 70.0 : 0.0; }},
    {"slow jobs", 20.0, 1200, [](double t) { return t < 600 ? 2.0 : 7.0; }},
    {"trickle", 0.05, 900, [](double t) { return std::fmod(t, 40) < 1 ? 1.0 : 0.0; }},
};

TEST(ScalingSimulation, B3_no_job_waits_longer_than_the_target_on_any_trace) {
    const ScalingPolicy policy{.min_replicas = 0, .max_replicas = 20, .target_wait = 30s, .concurrency = 8};
    for (const Trace& trace : traces) {
        const Outcome outcome = Simulation(policy, trace).run();
        std::printf("%-10s longest wait %5.2f s, at most %2d replicas, %6.0f replica-seconds for %6.0f of work\n",
                    trace.name.c_str(), outcome.longest_wait, outcome.most, outcome.replica_seconds,
                    outcome.needed_seconds);
        EXPECT_GT(outcome.needed_seconds, 0) << trace.name;
        EXPECT_LE(outcome.longest_wait, 30) << trace.name;
        EXPECT_EQ(outcome.at_the_end, 0) << trace.name;
    }
}

TEST(ScalingSimulation, B3_a_shorter_target_takes_more_replicas_and_is_kept) {
    const Trace burst{"burst", 1.0, 300, [](double t) { return t < 10 ? 60.0 : 0.0; }};
    const ScalingPolicy patient{.max_replicas = 20, .target_wait = 60s, .concurrency = 8};
    const ScalingPolicy eager{.max_replicas = 20, .target_wait = 10s, .concurrency = 8};
    const Outcome slow = Simulation(patient, burst).run();
    const Outcome quick = Simulation(eager, burst).run();
    EXPECT_LE(slow.longest_wait, 60);
    EXPECT_LE(quick.longest_wait, 10);
    EXPECT_GT(quick.most, slow.most);
}

}  // namespace
}  // namespace drover::operator_core
