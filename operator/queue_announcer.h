// Tells the gateways of one Kafka which queues there are and how their workers do: a record each in drover.gateway
// (src/jobqueue/queue_record.h, workers_record.h), written where it says something new, and tombstones when the queue
// is deleted. Room: operator.
//
// It has a thread of its own, and is connected only while there is something to say. Any thread may call it. What fails
// is tried again, until the destructor, which waits for a call that is under way, at most a call's 5 s.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/workers_record.h"
#include "src/kafka/settings.h"

namespace drover::operators {

class QueueAnnouncer {
public:
    // `may_write` is asked before each writing.
    QueueAnnouncer(kafka::Settings settings, std::function<bool()> may_write);

    void announce(const jobqueue::JobQueue& queue);
    void announce(const jobqueue::JobQueue& queue, const jobqueue::WorkersRecord& workers);
    void withdraw(const jobqueue::JobQueue& queue);

private:
    using Records = std::map<std::string, std::optional<std::string>>;  // by key; nothing: a tombstone

    void run(const std::stop_token& stop);
    Result<void> write(const Records& wanted);
    void want(std::string key, std::optional<std::string> value);

    const kafka::Settings settings_;
    const std::function<bool()> may_write_;
    std::mutex mutex_;  // guards the next
    Records wanted_;
    std::condition_variable_any news_;

    std::optional<std::map<std::string, std::string>> known_;  // of the thread: what the topic has; nothing: not read
    std::jthread thread_;                                      // last: it uses all of the above
};

}  // namespace drover::operators
