#include "gateway/recent_jobs.h"

namespace drover::gateway {

void RecentJobs::add(Job job, Time now) {
    while (!ends_.empty() && (ends_.front().first <= now || ends_.size() >= most)) {
        jobs_.erase(ends_.front().second);
        ends_.pop_front();
    }
    const Time until = now + kept;
    ends_.emplace_back(until, job.key.id);
    std::string id = job.key.id;
    jobs_.insert_or_assign(std::move(id), Kept{std::move(job), until});
}

const Job* RecentJobs::find(const std::string& id, Time now) const {
    const auto found = jobs_.find(id);
    return found == jobs_.end() || found->second.until <= now ? nullptr : &found->second.job;
}

}  // namespace drover::gateway
