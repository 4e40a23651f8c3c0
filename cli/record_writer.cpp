#include "cli/record_writer.h"

#include <utility>

#include <poll.h>

namespace drover::cli {

Result<std::unique_ptr<RecordWriter>> RecordWriter::create(kafka::Settings settings) {
    if (!settings.contains("delivery.timeout.ms")) settings.emplace("message.timeout.ms", "30000");
    std::unique_ptr<RecordWriter> writer(new RecordWriter);
    auto producer = kafka::Producer::create(settings, writer->wakeup_, std::chrono::milliseconds(0),
                                            {.flush = std::chrono::milliseconds(0)});
    if (!producer) return tl::unexpected(producer.error());
    writer->producer_ = std::move(*producer);
    return writer;
}

std::vector<kafka::Delivery> RecordWriter::poll() {
    wakeup_.clear();
    std::vector<kafka::Delivery> deliveries = producer_->poll();
    for (const kafka::ClientError& each : producer_->troubles()) trouble_ = each.error.message;
    return deliveries;
}

std::vector<kafka::Delivery> RecordWriter::wait_some(std::chrono::milliseconds time) {
    std::vector<kafka::Delivery> deliveries = poll();
    if (!deliveries.empty()) return deliveries;
    pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, static_cast<int>(time.count()));
    return poll();
}

Error RecordWriter::explained(Error error) const {
    if (!trouble_.empty()) error.message += " (" + trouble_ + ")";
    return error;
}

}  // namespace drover::cli
