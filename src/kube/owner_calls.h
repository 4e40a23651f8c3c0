// Calls of a listener, from a thread that works for it, on the listener's own. Room: kube.
#pragma once

#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

namespace drover::kube {

// `owner` runs one thing at a time. What it has not run when `alive` ends is dropped, so that nobody is called whose
// watch or elector is gone.
template <class Listener>
class OwnerCalls {
public:
    OwnerCalls(boost::asio::any_io_executor owner, Listener& listener, std::weak_ptr<const bool> alive)
        : owner_(std::move(owner)), listener_(listener), alive_(std::move(alive)) {}

    template <class Call>
    void post(Call call) const {
        boost::asio::post(owner_, [call = std::move(call), alive = alive_, &listener = listener_]() mutable {
            if (!alive.expired()) call(listener);
        });
    }

private:
    boost::asio::any_io_executor owner_;
    Listener& listener_;
    std::weak_ptr<const bool> alive_;
};

}  // namespace drover::kube
