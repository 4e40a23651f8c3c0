// Tells webhooks how jobs ended: reads drover.events, as one member of a consumer group that all gateways are in, and
// commits what has been told. Room: gateway/webhooks.
//
// It has a thread of its own, and some that post. Any thread may call it; what it says is posted to the owner's
// executor and never after the destructor, which leaves the group: a second or two.
//
// Each message is delivered at least once: a gateway that ends in between leaves it to the next, under the same id. The
// first gateway that ever has webhooks begins with what happens from then on.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "gateway/core/alert_rules.h"
#include "gateway/core/webhook.h"
#include "gateway/core/webhook_outbox.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

struct WebhookOptions {
    kafka::Settings kafka;
    std::string group = "drover.webhooks";
};

class WebhookDispatcher {
public:
    struct Told {
        std::string webhook;  // its name
        WebhookOutbox::Outcome outcome = WebhookOutbox::Outcome::delivered;
        std::string trouble;  // "": none
    };
    using Listener = std::function<void(const Told&)>;

    WebhookDispatcher(WebhookOptions options, WebhookSettings settings, boost::asio::any_io_executor owner,
                      Listener listener);
    ~WebhookDispatcher();

    // Counts for what happens from now on.
    void set(WebhookSettings settings);
    // Told by one of the gateways, the one that reads the first partition.
    void alert(Alert alert);

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace drover::gateway
