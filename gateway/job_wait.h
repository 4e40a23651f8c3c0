// Waits for one job to be known, or to end. Room: gateway. Owner thread: the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "gateway/call.h"
#include "gateway/state.h"

namespace drover::gateway {

// Of the job {id} of a call. Answers once: with the job as soon as `enough` holds of it; when `patience` is over with
// the job as it is then, or nothing where there is none that the caller may see. `unavailable`: the view cannot be
// asked, or the gateway stops before it was found.
class JobWait final : public Waiting, public std::enable_shared_from_this<JobWait> {
public:
    using Enough = std::function<bool(const JobDetail&)>;
    using Found = Result<std::optional<JobDetail>>;
    using Answer = std::function<void(const Found&)>;

    static std::weak_ptr<JobWait> start(GatewayState& state, SharedCall call, Duration patience, Enough enough,
                                        Answer answer);

    void finish() override;
    void stop();  // there is nobody to answer

private:
    JobWait(GatewayState& state, SharedCall call, Enough enough, Answer answer);
    void begin(Duration patience);
    void on_found(const JobFollower::Found& found);

    GatewayState& state_;
    SharedCall call_;
    Enough enough_;
    Answer answer_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<JobFollower> follower_;
    std::optional<JobDetail> last_;
    bool asked_ = false, over_ = false;
};

}  // namespace drover::gateway
