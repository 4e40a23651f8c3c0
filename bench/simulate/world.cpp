#include "bench/simulate/world.h"

#include <algorithm>

namespace drover::simulate {

void World::advance() {
    constexpr int ticks_per_commit = 10;  // the sidecar commits ten times a second
    const double end = static_cast<double>(++ticks_) * tick;
    while (true) {
        const bool arrives = arrived_ < jobs_.size() && jobs_[arrived_].arrives <= end;
        const bool finishes = !running_.empty() && running_.top().until <= end;
        if (!arrives && !finishes) break;
        if (!finishes || (arrives && jobs_[arrived_].arrives < running_.top().until)) {
            arrive();
        } else {
            finish();
        }
        hand_over();
    }
    now_ = end;
    hand_over();  // pods may have become ready
    for (std::size_t i = ticks_ % ticks_per_commit; i < logs_.size(); i += ticks_per_commit) {
        logs_[i].committed = logs_[i].next;
    }
    pod_seconds_ += tick * static_cast<double>(pods_.size());
}

void World::arrive() {
    const Job& job = jobs_[arrived_++];
    now_ = job.arrives;
    Log& log = logs_[job.partition];
    waiting_.push_back({&job, log.end++});
    log.finished.push_back(false);
}

void World::finish() {
    const Running running = running_.top();
    running_.pop();
    now_ = running.until;
    ++done_;
    if (--running.pod->in_flight == 0 && running.pod->ends) pods_.erase(running.pod);
    Log& log = logs_[running.what.job->partition];
    log.next.busy.busy_us += static_cast<std::int64_t>(running.what.job->service * 1e6);
    ++log.next.busy.completions;
    log.finished[running.what.offset - log.next.offset] = true;
    ++log.next.finished_above;
    while (!log.finished.empty() && log.finished.front()) {
        log.finished.pop_front();
        ++log.next.offset;
        --log.next.finished_above;
    }
}

void World::hand_over() {
    while (!waiting_.empty()) {
        auto least = pods_.end();
        for (auto pod = pods_.begin(); pod != pods_.end(); ++pod) {
            if (pod->ends || pod->ready_at > now_ || pod->in_flight >= cluster_.concurrency) continue;
            if (least == pods_.end() || pod->in_flight < least->in_flight) least = pod;
        }
        if (least == pods_.end()) return;
        const Waiting next = waiting_.front();
        waiting_.pop_front();
        ++least->in_flight;
        waits_.push_back(now_ - next.job->arrives);
        running_.push({now_ + next.job->service, next, least});
    }
}

void World::scale(int replicas) {
    pods_started_ += std::max(replicas - replicas_, 0);
    for (; replicas_ < replicas; ++replicas_) pods_.push_back({.ready_at = now_ + cluster_.pod_start});
    for (; replicas_ > replicas; --replicas_) {
        const auto youngest =
            std::prev(std::find_if(pods_.rbegin(), pods_.rend(), [](const Pod& pod) { return !pod.ends; }).base());
        if (youngest->in_flight == 0) {
            pods_.erase(youngest);
        } else {
            youngest->ends = true;
        }
    }
}

}  // namespace drover::simulate
