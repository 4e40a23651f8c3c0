// What webhooks are still to be told, and how far the events are done with. Pure: the time goes in. Room: gateway/core.
//
// Each receiver, a URL, gets its messages in the order of add(), up to 4 at a time, and one at a time after a failure,
// with longer and longer pauses; none waits for another. A partition's events are committable below the first one of
// which a message is not done, so that whoever reads on from there tells it again.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/core/webhook.h"
#include "src/base/time.h"

namespace drover::gateway {

struct WebhookMessage {
    Webhook to;
    std::string id;
    std::string body;
    Time born{};
    std::optional<int> partition;  // of its event; nothing: of none
    std::int64_t offset = 0;
};

class WebhookOutbox {
public:
    using Token = std::uint64_t;
    enum class Outcome { delivered, refused, again, given_up };  // given_up: older than webhook_lasts

    void add(WebhookMessage message);
    // All events of this partition below `offset` have been looked at.
    void read_up_to(int partition, std::int64_t offset);
    // It is somebody else's: what waits of it is dropped.
    void drop(int partition);

    struct Sending {
        Token token = 0;
        WebhookMessage message;
    };
    // What to send now; it is in flight from then on.
    std::optional<Sending> next(Time now);
    // `status` of the answer, 0: there was none. Of one that was dropped meanwhile: nothing.
    std::optional<Outcome> ended(Token token, int status, Time now);
    // When next() may have more without news; nothing: not before something else happens.
    std::optional<Time> next_time() const;

    // By partition, where it is known.
    std::map<int, std::int64_t> committable() const;
    std::size_t size() const { return messages_.size(); }
    std::size_t bytes() const { return bytes_; }  // of the messages' bodies

private:
    struct Receiver {
        std::deque<Token> waiting;
        int in_flight = 0;
        int failures = 0;  // in a row
        Time not_before{};
        bool may_send(Time now) const;
    };
    struct Partition {
        std::int64_t position = 0;
        std::map<std::int64_t, int> open;  // messages by offset
    };

    void finish(std::map<Token, WebhookMessage>::iterator message);

    std::map<Token, WebhookMessage> messages_;
    std::size_t bytes_ = 0;
    std::map<std::string, Receiver> receivers_;  // by URL; those that have messages
    std::map<int, Partition> partitions_;
    Token last_token_ = 0;
    std::string last_receiver_;  // that had its turn
};

}  // namespace drover::gateway
