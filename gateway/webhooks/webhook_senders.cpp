#include "gateway/webhooks/webhook_senders.h"

#include <chrono>

namespace drover::gateway {
namespace {

constexpr auto post_timeout = std::chrono::seconds(15);
constexpr std::size_t most_answer_bytes = 64 * 1024;  // nobody reads it
constexpr std::size_t most_clients = 64;

}  // namespace

WebhookSenders::WebhookSenders(kafka::Wakeup& wakeup) : wakeup_(wakeup) {
    for (std::size_t i = 0; i < count; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
    }
}

void WebhookSenders::send(WebhookOutbox::Sending sending, Time now) {
    WebhookMessage& message = sending.message;
    Post post{.token = sending.token,
              .webhook = message.to.name,
              .url = message.to.url,
              .headers = {{"content-type", "application/json"},
                          {"user-agent", "drover"},
                          {"webhook-id", message.id},
                          {"webhook-timestamp", std::to_string(to_millis(now) / 1000)}},
              .body = std::move(message.body)};
    if (!message.to.key.empty()) {
        const std::string& timestamp = post.headers.back().value;
        std::string signature = webhook_signature(message.to.key, message.id, timestamp, post.body);
        post.headers.push_back({"webhook-signature", std::move(signature)});
    }
    ++under_way_;
    const std::lock_guard lock(mutex_);
    posts_.push_back(std::move(post));
    news_.notify_one();
}

std::vector<WebhookSenders::Answer> WebhookSenders::take_answers() {
    std::vector<Answer> answers;
    {
        const std::lock_guard lock(mutex_);
        answers.swap(answers_);
    }
    under_way_ -= answers.size();
    return answers;
}

void WebhookSenders::run(const std::stop_token& stop) {
    for (;;) {
        Post next;
        {
            std::unique_lock lock(mutex_);
            if (!news_.wait(lock, stop, [this] { return !posts_.empty(); })) return;
            next = std::move(posts_.front());
            posts_.pop_front();
        }
        Answer answer = post(next, stop);
        const std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answer));
        wakeup_.notify();
    }
}

WebhookSenders::Answer WebhookSenders::post(const Post& post, const std::stop_token& stop) {
    Answer answer{.token = post.token, .status = 0, .trouble = {}, .webhook = post.webhook};
    const std::optional<WebAddress> address = parse_web_address(post.url);
    const std::shared_ptr<http::Client> client = address ? client_for(address->base) : nullptr;
    if (!client) {
        answer.trouble = "its URL cannot be used";
        return answer;
    }
    const Result<http::ClientResponse> response = client->send({.method = "POST",
                                                                .target = address->target,
                                                                .headers = post.headers,
                                                                .body = post.body,
                                                                .timeout = post_timeout,
                                                                .repeatable = true},  // its id says that it is the same
                                                               stop);
    if (!response) {
        answer.trouble = response.error().message;
    } else {
        answer.status = response->status;
        if (verdict_on(answer.status) != WebhookVerdict::delivered)
            answer.trouble = "it answered " + std::to_string(answer.status);
    }
    return answer;
}

std::shared_ptr<http::Client> WebhookSenders::client_for(const std::string& base) {
    const std::lock_guard lock(mutex_);
    if (const auto known = clients_.find(base); known != clients_.end()) return known->second;
    auto client = http::Client::create({.base = base, .tls = {}, .max_body_bytes = most_answer_bytes});
    if (!client) return nullptr;
    if (clients_.size() >= most_clients) clients_.clear();
    return clients_[base] = std::move(*client);
}

}  // namespace drover::gateway
