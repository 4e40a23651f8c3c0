#include "gateway/job_wait.h"

#include "gateway/job_lookup.h"

namespace drover::gateway {

std::weak_ptr<JobWait> JobWait::start(GatewayState& state, SharedCall call, Duration patience, Enough enough,
                                      Answer answer) {
    const std::shared_ptr<JobWait> wait(new JobWait(state, std::move(call), std::move(enough), std::move(answer)));
    wait->begin(patience);
    return wait;
}

JobWait::JobWait(GatewayState& state, SharedCall call, Enough enough, Answer answer)
    : state_(state), call_(std::move(call)), enough_(std::move(enough)), answer_(std::move(answer)), timer_(state.io) {}

void JobWait::begin(Duration patience) {
    timer_.expires_after(patience);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (error) return;
        self->over_ = true;
        if (self->asked_) self->finish();
    });
    follower_ = JobFollower::start(*state_.view, state_.watchers, call_->part("id"),
                                   [weak = weak_from_this()](const JobFollower::Found& found) {
                                       if (const auto self = weak.lock()) self->on_found(found);
                                   });
    state_.waiting.insert(shared_from_this());
}

void JobWait::on_found(const JobFollower::Found& found) {
    asked_ = true;
    if (!found) {
        answer_(tl::unexpected(found.error()));
        return stop();
    }
    last_ = visible_job(state_, *call_, *found);
    if (over_ || (last_ && enough_(*last_))) finish();
}

void JobWait::finish() {
    const bool is_settled = last_ || over_;
    answer_(is_settled ? JobWait::Found(last_) : failure(Error::Code::unavailable, "the gateway stops", true));
    stop();
}

void JobWait::stop() {
    const auto self = shared_from_this();
    state_.waiting.erase(self);
    if (follower_) follower_->stop();
    timer_.cancel();
}

}  // namespace drover::gateway
