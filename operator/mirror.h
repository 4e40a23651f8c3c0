// All objects of a kind, as a watch tells of them, and a call for each change. Room: operator. Owner thread: one.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "src/kube/api_client.h"
#include "src/kube/store.h"
#include "src/kube/watch.h"

namespace drover::operators {

class Mirror final : private kube::Watch::Listener {
public:
    using OnChange = std::function<void(const kube::Change&)>;

    // `client` outlives it.
    Mirror(kube::ApiClient& client, kube::Watch::Settings settings, boost::asio::any_io_executor owner,
           OnChange on_change);

    // The first list is here.
    bool synced() const { return synced_; }
    // Why it may be old; "" where it is not.
    const std::string& trouble() const { return trouble_; }
    const kube::Store& store() const { return store_; }

private:
    void replaced(std::vector<nlohmann::json> objects) override;
    void changed(nlohmann::json object) override;
    void deleted(const nlohmann::json& object) override;
    void interrupted(const kube::ApiError& error) override;
    void tell(const std::vector<kube::Change>& changes);

    const std::string kind_;
    const OnChange on_change_;
    kube::Store store_;
    bool synced_ = false;
    std::string trouble_;
    kube::Watch watch_;  // last: it calls the rest
};

}  // namespace drover::operators
