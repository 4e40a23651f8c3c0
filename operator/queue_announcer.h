// Tells the gateways of one Kafka which queues there are and how their workers do: a record each in drover.gateway
// (src/jobqueue/queue_record.h, workers_record.h), written where it says something new, and tombstones when the queue
// is deleted. Room: operator.
//
// The header drover-operator says which installation wrote a record: other clusters, and `drover run`, may write there
// too. By it the first writing finds the records of queues that were deleted while nobody led.
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
#include <string_view>
#include <thread>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/workers_record.h"
#include "src/kafka/settings.h"

namespace drover::operators {

struct AnnouncerSettings {
    kafka::Settings kafka;
    std::function<bool()> may_write;  // asked before each writing
    // Of the installation, as which all its leaders write; "": it has no name. May block.
    std::function<Result<std::string>()> installation;
    // Whether a queue, <namespace>.<name>, is one that this installation would know if it were there, and is not.
    std::function<bool(std::string_view queue)> is_gone;
};

class QueueAnnouncer {
public:
    // The functions are called by the thread.
    explicit QueueAnnouncer(AnnouncerSettings settings);

    void announce(const jobqueue::JobQueue& queue);
    void announce(const jobqueue::JobQueue& queue, const jobqueue::WorkersRecord& workers);
    void withdraw(const jobqueue::JobQueue& queue);

private:
    using Records = std::map<std::string, std::optional<std::string>>;  // by key; nothing: a tombstone
    struct Known {
        std::string value;
        std::string installation;  // that wrote it; "": it has no name, or it was none of an operator
        bool operator==(const Known&) const = default;
    };

    void run(const std::stop_token& stop);
    Result<void> write(Records wanted);
    Result<void> read();
    void add_gone(Records& wanted);
    void want(std::string key, std::optional<std::string> value);

    const AnnouncerSettings settings_;
    std::mutex mutex_;  // guards the next
    Records wanted_;
    std::condition_variable_any news_;

    // Of the thread.
    std::string installation_;
    std::optional<std::map<std::string, Known>> known_;  // what the topic has; nothing: not read
    bool has_swept_ = false;  // what earlier leaders left of queues that are gone has been taken back
    std::jthread thread_;     // last: it uses all of the above
};

}  // namespace drover::operators
