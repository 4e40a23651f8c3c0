#include "operator/control_producer.h"

#include <algorithm>
#include <optional>

#include "src/telemetry/log.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;

constexpr auto soon = 500ms;
constexpr auto first_pause = 1s;
constexpr auto longest_pause = 60s;
// A record that is not written in time would come when it is no longer wanted; and what is left when this ends, the
// next leader says.
constexpr kafka::Patience patience{.delivery = 5s, .flush = 0ms};

}  // namespace

Result<std::unique_ptr<ControlProducer>> ControlProducer::create(const kafka::Settings& settings) {
    auto made = std::make_unique<ControlProducer>();
    auto producer = kafka::Producer::create(settings, made->wakeup_, {}, patience);
    if (!producer) return tl::unexpected(producer.error());
    made->producer_ = std::move(*producer);
    return made;
}

void ControlProducer::poll() {
    wakeup_.clear();
    for (const kafka::Delivery& delivery : producer_->poll()) {
        const auto sent = sent_.extract(delivery.token);
        if (!sent) continue;
        const auto topic = topics_.find(sent.mapped());
        if (topic == topics_.end() || topic->second.unanswered == 0) continue;  // it was forgotten meanwhile
        --topic->second.unanswered;
        if (delivery.outcome) {
            topic->second.pause = {};
        } else {
            failed(topic->first, topic->second, delivery.outcome.error());
        }
    }
}

ControlProducer::Steady::time_point ControlProducer::produce(const std::string& topic,
                                                             const std::vector<jobqueue::ControlMessage>& messages) {
    Topic& state = topics_[topic];
    const auto now = Steady::now();
    if (now < state.not_before) return state.not_before;
    if (state.unanswered > 0) return now + soon;
    for (const jobqueue::ControlMessage& message : messages) {
        const std::optional<std::string_view> value = message.value;
        const std::uint64_t token = next_token_++;
        const Result<void> queued =
            producer_->produce({.topic = topic, .key = message.key, .value = value, .headers = {}}, token);
        if (!queued) {
            failed(topic, state, queued.error());
            return state.not_before;
        }
        sent_.emplace(token, topic);
        ++state.unanswered;
    }
    return now + soon;
}

void ControlProducer::failed(const std::string& name, Topic& topic, const Error& error) {
    if (Steady::now() < topic.not_before) return;  // one of several, the first of which was told
    topic.pause = std::clamp<Steady::duration>(topic.pause * 2, first_pause, longest_pause);
    topic.not_before = Steady::now() + topic.pause;
    log::warn("the control topic cannot be written, which is tried again", {{"topic", name}, {"error", error.message}});
}

}  // namespace drover::operators
