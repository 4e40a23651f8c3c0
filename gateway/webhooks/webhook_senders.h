// A few threads that post webhooks, since http::Client blocks. Room: gateway/webhooks.
//
// send() by one thread, which finds the answers in take_answers() and is woken for them. The destructor gives up what
// is under way.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gateway/core/webhook_outbox.h"
#include "src/http/client.h"
#include "src/kafka/wakeup.h"

namespace drover::gateway {

class WebhookSenders {
public:
    static constexpr std::size_t count = 8;  // messages under way at once

    explicit WebhookSenders(kafka::Wakeup& wakeup);

    struct Answer {
        WebhookOutbox::Token token = 0;
        int status = 0;       // 0: there was none
        std::string trouble;  // why
        std::string webhook;  // its name
    };

    bool is_free() const { return under_way_ < count; }
    void send(WebhookOutbox::Sending sending, Time now);
    std::vector<Answer> take_answers();

private:
    struct Post {
        WebhookOutbox::Token token = 0;
        std::string webhook, url;
        std::vector<Field> headers;
        std::string body;
    };

    void run(const std::stop_token& stop);
    Answer post(const Post& post, const std::stop_token& stop);
    std::shared_ptr<http::Client> client_for(const std::string& base);

    kafka::Wakeup& wakeup_;
    std::size_t under_way_ = 0;  // of the one thread

    std::mutex mutex_;  // guards the next
    std::condition_variable_any news_;
    std::deque<Post> posts_;
    std::vector<Answer> answers_;
    std::map<std::string, std::shared_ptr<http::Client>> clients_;  // by scheme, host and port
    std::vector<std::jthread> threads_;                             // last: they use all of the above
};

}  // namespace drover::gateway
