#include "operator/control_writer.h"

#include <poll.h>

#include <optional>

namespace drover::operators {

Result<std::unique_ptr<ControlWriter>> ControlWriter::create(const kafka::Settings& settings) {
    auto writer = std::make_unique<ControlWriter>();
    auto producer = kafka::Producer::create(settings, writer->wakeup_);
    if (!producer) return tl::unexpected(producer.error());
    writer->producer_ = std::move(*producer);
    return writer;
}

Result<void> ControlWriter::write(const std::string& topic, const std::vector<jobqueue::ControlMessage>& messages,
                                  std::span<const Field> headers, std::chrono::milliseconds patience) {
    const std::uint64_t first = next_token_;
    for (const jobqueue::ControlMessage& message : messages) {
        const std::optional<std::string_view> value = message.value;
        Result<void> queued =
            producer_->produce({.topic = topic, .key = message.key, .value = value, .headers = headers}, next_token_++);
        if (!queued) return queued;
    }
    const auto last = std::chrono::steady_clock::now() + patience;
    for (std::size_t left = messages.size(); left > 0;) {
        wakeup_.clear();
        for (const kafka::Delivery& delivery : producer_->poll()) {
            if (delivery.token < first) continue;  // of a call that had waited long enough
            if (!delivery.outcome) return tl::unexpected(delivery.outcome.error());
            --left;
        }
        if (left == 0) break;
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(last - std::chrono::steady_clock::now());
        if (rest.count() <= 0) return failure(Error::Code::timeout, topic + ": not acknowledged in time", true);
        pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, static_cast<int>(rest.count()));
    }
    return {};
}

}  // namespace drover::operators
