#include "gateway/gateway_log.h"

#include "src/jobqueue/resource.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

constexpr kafka::Fetcher::Id id = 1;
constexpr std::size_t most_at_once = 500;
constexpr auto longest_sleep = std::chrono::milliseconds(500);

}  // namespace

Result<std::unique_ptr<GatewayLog>> GatewayLog::open(boost::asio::io_context& io, const kafka::Settings& settings,
                                                     Listener& listener) {
    std::unique_ptr<GatewayLog> log(new GatewayLog(io, listener));
    auto fetcher =
        kafka::Fetcher::create(settings, {.expected_partitions = 1, .group = "drover.gateway"}, log->wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    log->fetcher_ = std::move(*fetcher);
    log->log_.emplace(*log->fetcher_);
    const Result<void> started = log->log_->start(id, {std::string(jobqueue::gateway_topic), 0});
    if (!started) return tl::unexpected(started.error());
    log->wait();
    log->turn();
    return log;
}

GatewayLog::GatewayLog(boost::asio::io_context& io, Listener& listener)
    : listener_(listener), ready_(io, wakeup_.fd()), timer_(io) {}

GatewayLog::~GatewayLog() {
    ready_.release();  // the wake-up closes its own descriptor
    records_.clear();
    log_.reset();
}

void GatewayLog::wait() {
    ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        wakeup_.clear();
        wait();
        turn();
    });
}

void GatewayLog::turn() {
    fetcher_->serve();  // what it says, LogReader has as troubles
    readable_.clear();
    fetcher_->ready(readable_);
    bool more = true;
    while (more) {
        records_.clear();
        more = log_->take(id, most_at_once, records_);
        if (!records_.empty()) trouble_.clear();
        for (const kafka::Record& record : records_) {
            if (record.key()) listener_.log_record(*record.key(), record.value(), record.timestamp());
        }
    }
    records_.clear();
    for (const Error& error : log_->troubles()) {
        if (trouble_ != error.message) log::warn("drover.gateway cannot be read", {{"error", error.message}});
        trouble_ = error.message;
    }
    listener_.log_read(log_->caught_up());
    timer_.expires_after(longest_sleep);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) turn();
    });
}

}  // namespace drover::gateway
