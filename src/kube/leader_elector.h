// Takes part in the election of a leader, over a Lease of the API server. Room: kube. The decisions are Election's.
//
// Threads: one of its own, which blocks on the API server. The listener is only called on the owner's executor, from
// which the elector is also destroyed; after that it is never called again. leads() may be asked on any thread, and has
// to be before everything that only a leader may do: it turns false by the clock alone, whatever else hangs.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include <boost/asio/any_io_executor.hpp>

#include "src/kube/api_client.h"
#include "src/kube/election.h"

namespace drover::kube {

class LeaderElector {
public:
    class Listener {
    public:
        virtual void leading() = 0;
        // `holder`: who leads instead, where that is known. Told after leads() has turned false, and late where the API
        // server is slow.
        virtual void following(const std::string& holder) = 0;
        virtual void election_failed(const ApiError& error) = 0;  // and is tried again

    protected:
        ~Listener() = default;
    };

    // `client` and `listener` outlive the elector; the client's request timeout is below the renew deadline.
    LeaderElector(ApiClient& client, ObjectKey lease, const ElectionSettings& settings,
                  boost::asio::any_io_executor owner, Listener& listener);
    // Gives the lease away where it is held, so that the next leader need not wait for it. May block for a request.
    ~LeaderElector();

    bool leads() const;

private:
    class Loop;
    std::shared_ptr<const bool> alive_;
    std::unique_ptr<Loop> loop_;
    std::jthread thread_;
};

}  // namespace drover::kube
