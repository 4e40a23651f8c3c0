#include "gateway/submit/job_submitter.h"

#include <boost/asio/post.hpp>

namespace drover::gateway {

Result<std::unique_ptr<JobSubmitter>> JobSubmitter::create(boost::asio::io_context& io,
                                                           const kafka::Settings& settings) {
    std::unique_ptr<JobSubmitter> submitter(new JobSubmitter(io));
    auto producer = kafka::Producer::create(settings, submitter->wakeup_);
    if (!producer) return tl::unexpected(producer.error());
    submitter->producer_ = std::move(*producer);
    submitter->wait();
    submitter->turn();
    return submitter;
}

JobSubmitter::JobSubmitter(boost::asio::io_context& io) : ready_(io, wakeup_.fd()), timer_(io) {}

JobSubmitter::~JobSubmitter() {
    ready_.release();  // the wake-up closes its own descriptor
}

void JobSubmitter::submit(Outgoing record, Done done) {
    const std::uint64_t token = next_token_++;
    const auto view = [](const std::optional<std::string>& text) {
        return text ? std::optional<std::string_view>(*text) : std::nullopt;
    };
    const Result<void> queued = producer_->produce(
        {.topic = record.topic, .key = view(record.key), .value = view(record.value), .headers = record.headers},
        token);
    if (queued) {
        waiting_.emplace(token, std::move(done));
        return;
    }
    boost::asio::post(timer_.get_executor(),
                      [done = std::move(done), error = queued.error()] { done(tl::unexpected(error)); });
}

void JobSubmitter::wait() {
    ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        wakeup_.clear();
        wait();
        turn();
    });
}

void JobSubmitter::turn() {
    for (kafka::Delivery& delivery : producer_->poll()) {
        const auto node = waiting_.extract(delivery.token);
        if (node.empty()) continue;
        if (delivery.outcome)
            node.mapped()(Accepted{});
        else
            node.mapped()(tl::unexpected(delivery.outcome.error()));
    }
    producer_->troubles();
    timer_.expires_after(std::chrono::milliseconds(100));
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) turn();
    });
}

}  // namespace drover::gateway
