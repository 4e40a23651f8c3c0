#include "gateway/core/webhook_outbox.h"

#include <algorithm>

namespace drover::gateway {
namespace {
constexpr int most_in_flight = 4;  // of a receiver
}  // namespace

bool WebhookOutbox::Receiver::may_send(Time now) const {
    return !waiting.empty() && now >= not_before && in_flight < (failures > 0 ? 1 : most_in_flight);
}

void WebhookOutbox::add(WebhookMessage message) {
    const Token token = ++last_token_;
    if (message.partition) ++partitions_[*message.partition].open[message.offset];
    bytes_ += message.body.size();
    receivers_[message.to.url].waiting.push_back(token);
    messages_.emplace(token, std::move(message));
}

void WebhookOutbox::read_up_to(int partition, std::int64_t offset) { partitions_[partition].position = offset; }

void WebhookOutbox::drop(int partition) {
    partitions_.erase(partition);
    std::erase_if(messages_, [&](const auto& each) {
        if (each.second.partition != partition) return false;
        Receiver& receiver = receivers_[each.second.to.url];
        const auto waiting = std::ranges::find(receiver.waiting, each.first);
        if (waiting != receiver.waiting.end())
            receiver.waiting.erase(waiting);
        else
            --receiver.in_flight;  // its answer will be nobody's
        bytes_ -= each.second.body.size();
        return true;
    });
    std::erase_if(receivers_,
                  [](const auto& each) { return each.second.waiting.empty() && each.second.in_flight == 0; });
}

std::optional<WebhookOutbox::Sending> WebhookOutbox::next(Time now) {
    const auto begin = receivers_.upper_bound(last_receiver_);
    const auto ready = [now](const auto& each) { return each.second.may_send(now); };
    auto found = std::find_if(begin, receivers_.end(), ready);
    if (found == receivers_.end()) {
        found = std::find_if(receivers_.begin(), begin, ready);
        if (found == begin) return std::nullopt;
    }
    Receiver& receiver = found->second;
    last_receiver_ = found->first;
    const Token token = receiver.waiting.front();
    receiver.waiting.pop_front();
    ++receiver.in_flight;
    return Sending{token, messages_.at(token)};
}

std::optional<WebhookOutbox::Outcome> WebhookOutbox::ended(Token token, int status, Time now) {
    const auto message = messages_.find(token);
    if (message == messages_.end()) return std::nullopt;
    Receiver& receiver = receivers_.at(message->second.to.url);
    --receiver.in_flight;
    const WebhookVerdict verdict = verdict_on(status);
    if (verdict == WebhookVerdict::again) {
        // Those that were under way together failed together.
        if (now >= receiver.not_before) receiver.not_before = now + webhook_pause(++receiver.failures);
        if (now - message->second.born < webhook_lasts) {
            const auto place = std::ranges::lower_bound(receiver.waiting, token);  // in its order
            receiver.waiting.insert(place, token);
            return Outcome::again;
        }
        finish(message);
        return Outcome::given_up;
    }
    receiver.failures = 0;
    receiver.not_before = {};
    finish(message);
    return verdict == WebhookVerdict::delivered ? Outcome::delivered : Outcome::refused;
}

void WebhookOutbox::finish(std::map<Token, WebhookMessage>::iterator message) {
    if (message->second.partition) {
        auto& open = partitions_[*message->second.partition].open;
        const auto count = open.find(message->second.offset);
        if (--count->second == 0) open.erase(count);
    }
    const auto receiver = receivers_.find(message->second.to.url);
    // One that fails is remembered as such by what waits for it; without that, there is nobody to leave alone.
    if (receiver->second.waiting.empty() && receiver->second.in_flight == 0) receivers_.erase(receiver);
    bytes_ -= message->second.body.size();
    messages_.erase(message);
}

std::optional<Time> WebhookOutbox::next_time() const {
    std::optional<Time> first;
    for (const auto& [url, receiver] : receivers_) {
        if (receiver.waiting.empty() || receiver.in_flight >= (receiver.failures > 0 ? 1 : most_in_flight)) continue;
        if (!first || receiver.not_before < *first) first = receiver.not_before;
    }
    return first;
}

std::map<int, std::int64_t> WebhookOutbox::committable() const {
    std::map<int, std::int64_t> offsets;
    for (const auto& [partition, state] : partitions_) {
        offsets[partition] = state.open.empty() ? state.position : state.open.begin()->first;
    }
    return offsets;
}

}  // namespace drover::gateway
