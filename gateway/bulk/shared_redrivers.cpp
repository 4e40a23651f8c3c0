#include "gateway/bulk/shared_redrivers.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto idle = 10min;  // then its memory and connections are given back

}  // namespace

redrive::Redriver::Queue redriver_queue(const KnownQueue& queue) {
    return {.dead_letters = queue.topics.dead_letters,
            .control = queue.topics.control,
            .group = jobqueue::group_of(queue.queue)};
}

SharedRedrivers::Entry::Entry(const kafka::Settings& kafka, const KnownQueue& queue, const std::atomic<bool>& stopping)
    : redriver(kafka, redriver_queue(queue), [&stopping] { return stopping.load(); }) {}

Result<SharedRedrivers::Held> SharedRedrivers::hold(const KnownQueue& queue, std::chrono::milliseconds patience) {
    Held held;
    {
        const std::scoped_lock lock(mutex_);
        std::erase_if(entries_, [](const auto& each) {
            return each.second.use_count() == 1 && Clock::now() - each.second->used_at.load() > idle;
        });
        std::shared_ptr<Entry>& entry = entries_[queue.topics.dead_letters];
        if (!entry) entry = std::make_shared<Entry>(kafka_, queue, stopping_);
        entry->used_at = Clock::now();
        held.entry = entry;
    }
    held.lock = std::unique_lock(held.entry->mutex, patience);
    if (!held.lock.owns_lock()) {
        return failure(Error::Code::unavailable, "Kafka has not answered an earlier write to queue " + queue.name,
                       true);
    }
    return held;
}

Result<SharedRedrivers::Held> SharedRedrivers::hold_open(const KnownQueue& queue, std::chrono::milliseconds patience) {
    Result<Held> held = hold(queue, patience);
    if (!held || (*held)->is_open()) return held;
    if (Result<void> opened = (*held)->open(patience); !opened) return tl::unexpected(opened.error());
    return held;
}

}  // namespace drover::gateway
