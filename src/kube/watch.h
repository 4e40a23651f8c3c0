// Keeps its owner told of a kind's objects: lists, watches on, begins anew where it has to. Room: kube.
//
// Threads: a watch has one of its own, which blocks on the API server. The listener is only called on the owner's
// executor, from which the watch is also destroyed; after that it is never called again. What the watch does next is
// WatchState's; errors are told and got over, without end.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <nlohmann/json.hpp>

#include "src/kube/api_client.h"
#include "src/kube/watch_state.h"

namespace drover::kube {

class Watch {
public:
    class Listener {
    public:
        // All objects, for Store::replace(): the first call, and after the watch had to list anew.
        virtual void replaced(std::vector<nlohmann::json> objects) = 0;
        // Added or modified. May repeat what is known.
        virtual void changed(nlohmann::json object) = 0;
        virtual void deleted(const nlohmann::json& object) = 0;
        // The watch failed and goes on after a while; until the next call what is known may be old. Not told of ends
        // that belong to a watch's life: the server's time limit, a version that has expired.
        virtual void interrupted(const ApiError& error) = 0;

    protected:
        ~Listener() = default;
    };

    struct Settings {
        Resource resource;
        Selection selection;
        std::chrono::seconds timeout{300};  // of one watch; up to half of it more, by chance
        std::chrono::milliseconds idle{std::chrono::seconds(120)};
    };

    // `client` and `listener` outlive the watch. The executor runs one thing at a time.
    Watch(ApiClient& client, Settings settings, boost::asio::any_io_executor owner, Listener& listener);
    ~Watch();

private:
    class Loop;
    std::shared_ptr<const bool> alive_;
    std::unique_ptr<Loop> loop_;
    std::jthread thread_;
};

}  // namespace drover::kube
