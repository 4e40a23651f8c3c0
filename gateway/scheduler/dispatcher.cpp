#include "gateway/scheduler/dispatcher.h"

#include <utility>

namespace drover::gateway {
namespace {

using kafka::TransactionFault;
using namespace std::chrono_literals;

constexpr auto slice = 1000ms;  // so long a call waits before it looks whether to stop
constexpr auto after_trouble = 500ms;

}  // namespace

Dispatcher::Dispatcher(Target target, std::function<void()> notify)
    : target_(std::move(target)), notify_(std::move(notify)), thread_([this] { run(); }) {}

Dispatcher::~Dispatcher() { stop(); }

void Dispatcher::write(std::vector<Outbound> batch) {
    const std::scoped_lock lock(mutex_);
    batch_ = std::move(batch);
    changed_.notify_all();
}

std::vector<Dispatcher::News> Dispatcher::take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(news_, {});
}

void Dispatcher::stop() {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
}

bool Dispatcher::has_ended() const {
    const std::scoped_lock lock(mutex_);
    return ended_;
}

bool Dispatcher::stopped() const {
    const std::scoped_lock lock(mutex_);
    return stop_;
}

void Dispatcher::pause() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, after_trouble, [this] { return stop_; });
}

void Dispatcher::tell(DispatchAnswer answer, std::optional<Time> written_at) {
    {
        const std::scoped_lock lock(mutex_);
        news_.push_back({std::move(answer), written_at, std::chrono::steady_clock::now()});
    }
    notify_();
}

void Dispatcher::run() {
    bool go_on = open();
    while (go_on) {
        std::vector<Outbound> batch;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stop_ || batch_; });
            if (stop_) break;
            batch = std::exchange(batch_, std::nullopt).value();
        }
        go_on = handle(batch);
    }
    producer_.reset();
    {
        const std::scoped_lock lock(mutex_);
        ended_ = true;
    }
    notify_();
}

bool Dispatcher::open() {
    while (!stopped()) {
        producer_.reset();
        auto made = kafka::TransactionalProducer::create(target_.kafka, {.transactional_id = target_.transactional_id});
        if (!made) {
            tell(dispatch::Trouble{made.error()});
            pause();
            continue;
        }
        producer_ = std::move(*made);
        kafka::TransactionResult<void> done = producer_->init(slice);
        while (!done && done.error().fault == TransactionFault::retry && !stopped()) {
            tell(dispatch::Trouble{done.error().error});
            done = producer_->init(slice);
        }
        if (stopped()) return false;
        if (!done) {  // also one that is fenced in the middle of this: both try, and one is the last
            tell(dispatch::Trouble{done.error().error});
            pause();
            continue;
        }
        const std::string mark = target_.name + "-" + std::to_string(++opened_);
        const DelayedMessage message = mark_message(target_.partition, mark);
        const auto written = attempt({{target_.topic, message.key, message.value, {}, message.partition}});
        if (written) {
            tell(dispatch::Open{mark}, *written);
            return true;
        }
        if (written.error().fault == TransactionFault::fenced) {
            tell(dispatch::Fenced{});
            return false;
        }
        tell(dispatch::Trouble{written.error().error});
        pause();
    }
    return false;
}

bool Dispatcher::handle(const std::vector<Outbound>& batch) {
    const auto written = attempt(batch);
    if (written) {
        tell(dispatch::Written{}, *written);
        return true;
    }
    const kafka::TransactionError& error = written.error();
    if (error.fault == TransactionFault::fenced) {
        tell(dispatch::Fenced{});
        return false;
    }
    if (stopped()) return false;
    if (error.fault == TransactionFault::abort) {
        const kafka::TransactionResult<void> aborted = [&] {
            kafka::TransactionResult<void> done = producer_->abort(slice);
            while (!done && done.error().fault == TransactionFault::retry && !stopped()) done = producer_->abort(slice);
            return done;
        }();
        if (aborted) {
            tell(dispatch::Refused{error.error, error.message});
            return true;
        }
        if (aborted.error().fault == TransactionFault::fenced) {
            tell(dispatch::Fenced{});
            return false;
        }
    }
    tell(dispatch::Trouble{error.error});
    return open();
}

// When the first record was there. A fault `retry` only where somebody asked to stop.
kafka::TransactionResult<Time> Dispatcher::attempt(const std::vector<Outbound>& batch) {
    if (const auto begun = producer_->begin(); !begun) return tl::unexpected(begun.error());
    for (const Outbound& each : batch) {
        const auto taken = producer_->produce({.topic = each.topic,
                                               .key = each.key,
                                               .value = each.value,
                                               .headers = each.headers,
                                               .partition = each.partition});
        if (taken) continue;
        kafka::TransactionError error = taken.error();
        if (error.fault == TransactionFault::retry) error.fault = TransactionFault::abort;  // it is too much
        return tl::unexpected(std::move(error));
    }
    auto done = producer_->commit(slice);
    while (!done && done.error().fault == TransactionFault::retry && !stopped()) {
        tell(dispatch::Trouble{done.error().error});
        done = producer_->commit(slice);
    }
    if (!done) return tl::unexpected(done.error());
    for (std::size_t i = 0; i < batch.size(); ++i) {  // others' topics may have their writers' times
        if (batch[i].topic == target_.topic) return (*done)[i].timestamp;
    }
    return Time{};
}

}  // namespace drover::gateway
