// What watches a World and scales it. Both read the same way: late, and not everything at one moment.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "bench/simulate/random.h"
#include "bench/simulate/world.h"

namespace drover::simulate {

// One reading of a topic and its group, over some 100 ms: each of three brokers tells the end offsets of its
// partitions when it gets to it, the coordinator then tells the commits, and then the answer is on its way.
class Look {
public:
    Look(double begins, int partitions, Random& random);

    // To be called each tick. True once, when everything is there.
    bool proceed(const World& world);

    std::int64_t lag() const;      // as KEDA reckons it: end less committed offset, summed
    std::int64_t backlog() const;  // as Drover does: without what is finished above the committed offset
    std::int64_t end_offsets() const;
    jobqueue::BusyCounters busy() const;

private:
    static constexpr int brokers = 3;
    double ends_at_[brokers];
    double commits_at_;
    double answered_at_;
    std::vector<std::optional<std::int64_t>> ends_;
    std::optional<std::vector<Committed>> commits_;
};

class Scaler {
public:
    virtual ~Scaler() = default;
    virtual void at_tick(World& world) = 0;  // after each tick of the world
};

// decide(), half a second after the last look. It starts without any memory.
class Drover : public Scaler {
public:
    Drover(const Cluster& cluster, std::uint64_t seed);
    void at_tick(World& world) override;

private:
    const Cluster cluster_;
    const operator_core::ScalingPolicy policy_;
    operator_core::Memory memory_;
    Random random_;
    double next_look_;
    std::optional<Look> look_;
};

struct KedaSettings {
    double polling_interval = 30;
    double cooldown_period = 300;
    std::int64_t lag_threshold = 10;
    std::int64_t activation_lag_threshold = 0;
    // The HPA's `behavior`. Without one (KEDA makes none of its own) the HPA stabilises over 300 s and goes up to
    // max(4, 2 × current) at once, with one to max(current + 4, 2 × current).
    std::optional<double> scale_in_stabilisation;
};

// KEDA's Kafka scaler (2.x) and the HPA that KEDA makes for it (autoscaling/v2), as their sources have it:
//  - each polling interval KEDA reads the lag; above the activation threshold it scales 0 to 1 and notes the time, and
//    with none for longer than the cooldown period it scales to 0, from whatever there is;
//  - from 1 on the HPA scales: every 15 s it asks KEDA, which reads the lag anew (metrics are not cached by default)
//  and
//    caps it at lagThreshold × partitions. Wanted is ceil(lag ÷ lagThreshold), or what there is where lag ÷
//    (lagThreshold × replicas) is within 10 % of 1; not less than the largest wish of the stabilisation window.
class Keda : public Scaler {
public:
    Keda(const Cluster& cluster, const KedaSettings& settings, std::uint64_t seed);
    void at_tick(World& world) override;

private:
    static constexpr double hpa_sync = 15;
    struct Wish {
        double at = 0;
        int replicas = 0;
    };
    void poll(World& world, std::int64_t lag);
    void sync(World& world, std::int64_t lag);

    const Cluster cluster_;
    const KedaSettings settings_;
    Random random_;
    double next_poll_, next_sync_;
    std::optional<Look> poll_look_, sync_look_;
    std::optional<double> last_active_;
    std::deque<Wish> wishes_;
};

}  // namespace drover::simulate
