#include "gateway/job_follower.h"

namespace drover::gateway {

void JobWatchers::changed(const std::string& id) {
    std::vector<std::shared_ptr<JobFollower>> told;  // a listener may end followers
    const auto [begin, end] = followers_.equal_range(id);
    for (auto at = begin; at != end; ++at) told.push_back(at->second.lock());
    for (const auto& follower : told) {
        if (follower) follower->changed();
    }
}

void JobWatchers::all_changed() {
    std::vector<std::shared_ptr<JobFollower>> told;
    for (const auto& [id, follower] : followers_) told.push_back(follower.lock());
    for (const auto& follower : told) {
        if (follower) follower->changed();
    }
}

std::shared_ptr<JobFollower> JobFollower::start(ViewReaders& view, JobWatchers& watchers, std::string id,
                                                Listener listener) {
    std::shared_ptr<JobFollower> follower(new JobFollower(view, watchers, std::move(id), std::move(listener)));
    watchers.followers_.emplace(follower->id_, follower);
    follower->ask();
    return follower;
}

JobFollower::~JobFollower() {
    const auto [begin, end] = watchers_.followers_.equal_range(id_);
    for (auto at = begin; at != end;) {
        // Its own has expired by now, and so have others that are about to go.
        at = at->second.expired() ? watchers_.followers_.erase(at) : std::next(at);
    }
}

void JobFollower::changed() {
    if (asking_)
        again_ = true;
    else
        ask();
}

void JobFollower::ask() {
    if (!listener_) return;
    asking_ = true;
    view_.ask([id = id_](JobView& view) { return view.jobs(id); },
              [weak = weak_from_this()](Found found) {
                  const auto self = weak.lock();
                  if (!self) return;
                  self->asking_ = false;
                  if (const Listener listener = self->listener_) listener(found);
                  if (std::exchange(self->again_, false)) self->ask();
              },
              ViewReaders::Cost::few_rows);
}

}  // namespace drover::gateway
