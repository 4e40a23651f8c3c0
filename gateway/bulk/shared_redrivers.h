// One redriver for each queue of this gateway, which its operations and single retries share, so that they do not fence
// each other. Room: gateway/bulk. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "gateway/core/queue_directory.h"
#include "gateway/view/job_view.h"
#include "src/base/result.h"
#include "src/redrive/redriver.h"

namespace drover::gateway {

redrive::Redriver::Queue redriver_queue(const KnownQueue& queue);

class SharedRedrivers {
public:
    // What is under way ends soon after `stopping` is true.
    SharedRedrivers(kafka::Settings kafka, const std::atomic<bool>& stopping)
        : kafka_(std::move(kafka)), stopping_(stopping) {}

    struct Entry {
        Entry(const kafka::Settings& kafka, const KnownQueue& queue, const std::atomic<bool>& stopping);
        std::timed_mutex mutex;
        redrive::Redriver redriver;  // under the mutex
        std::atomic<std::chrono::steady_clock::time_point> used_at{};
    };
    // Whoever has it may use the redriver.
    struct Held {
        std::shared_ptr<Entry> entry;
        std::unique_lock<std::timed_mutex> lock;
        redrive::Redriver& operator*() const { return entry->redriver; }
        redrive::Redriver* operator->() const { return &entry->redriver; }
    };
    // hold_open(): it is open. `unavailable`, retryable: another one has it, or Kafka does not answer.
    Result<Held> hold(const KnownQueue& queue, std::chrono::milliseconds patience);
    Result<Held> hold_open(const KnownQueue& queue, std::chrono::milliseconds patience);

private:
    const kafka::Settings kafka_;
    const std::atomic<bool>& stopping_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Entry>> entries_;  // by dead-letter topic
};

// What every thread of this room works with. Outlives them.
struct BulkContext {
    BulkContext(kafka::Settings settings, JobViewSettings database)
        : kafka(std::move(settings)), view(std::move(database)), redrivers(kafka, stopping) {}
    const kafka::Settings kafka;
    const JobViewSettings view;
    std::atomic<bool> stopping = false;
    SharedRedrivers redrivers;
    std::function<bool()> stopped() const {
        return [this] { return stopping.load(); };
    }
};

}  // namespace drover::gateway
