// A made-up Kafka and cluster: jobs arrive, wait in order, and run in the slots of pods that take a while to start.
// Pure and deterministic. Times are seconds from the run's start.
//
// Left out, for every scaler alike: what a rebalance costs, partitions that are spread unevenly over pods, retries.
// Any free slot takes the oldest job.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <queue>
#include <vector>

#include "src/jobqueue/backlog.h"
#include "operator/core/decide.h"

namespace drover::simulate {

struct Job {
    double arrives = 0;
    double service = 0;  // how long it keeps a slot busy
    int partition = 0;
};

struct Cluster {
    int partitions = 40;
    int max_replicas = 20;
    int concurrency = 8;      // slots of a pod
    double target_wait = 30;  // no job should wait longer for a slot
    double pod_start = 3;     // from the wish for a pod to its first job
};

// What the last commit of a partition says.
struct Committed {
    std::int64_t offset = 0;
    std::int64_t finished_above = 0;
    jobqueue::BusyCounters busy;
};

class World {
public:
    static constexpr double tick = 0.01;

    // `jobs` by arrival; they outlive this.
    World(const Cluster& cluster, const std::vector<Job>& jobs)
        : cluster_(cluster), jobs_(jobs), logs_(cluster.partitions) {}

    void advance();  // one tick
    double now() const { return now_; }
    bool all_done() const { return done_ == jobs_.size(); }

    // As a Deployment's spec.replicas: a pod that still starts is gone at once, one that is ready takes no more jobs
    // and finishes what it has. The youngest goes first.
    void scale(int replicas);
    int replicas() const { return replicas_; }

    std::int64_t end_offset(int partition) const { return logs_[partition].end; }
    const Committed& committed(int partition) const { return logs_[partition].committed; }

    const std::vector<double>& waits() const { return waits_; }  // for a slot, of the jobs that got one
    int pods_started() const { return pods_started_; }
    double pod_seconds() const { return pod_seconds_; }  // from the wish for a pod to its end

private:
    struct Pod {
        double ready_at = 0;
        int in_flight = 0;
        bool ends = false;
    };
    struct Waiting {
        const Job* job = nullptr;
        std::int64_t offset = 0;
    };
    struct Running {
        double until = 0;
        Waiting what;
        std::list<Pod>::iterator pod;
        bool operator>(const Running& other) const { return until > other.until; }
    };
    struct Log {
        std::int64_t end = 0;
        std::deque<bool> finished;  // of the offsets from the first unfinished one to the end
        Committed next, committed;
    };

    void arrive();
    void finish();
    void hand_over();

    const Cluster cluster_;
    const std::vector<Job>& jobs_;
    double now_ = 0;
    std::int64_t ticks_ = 0;
    std::size_t arrived_ = 0, done_ = 0;
    std::deque<Waiting> waiting_;  // oldest first
    std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
    std::list<Pod> pods_;  // oldest first
    std::vector<Log> logs_;
    int replicas_ = 0, pods_started_ = 0;
    std::vector<double> waits_;
    double pod_seconds_ = 0;
};

}  // namespace drover::simulate
