// What the operator does at one Kafka, for all queues that are there: creates their topics, reads how much there is to
// do and who pauses them, and keeps house. Room: operator.
//
// It has a thread of its own, since Admin blocks. What it finds is posted to the owner's executor; wish() and forget()
// may be called by any thread. The destructor waits for a call that is under way, at most a call's 5 s.
//
// Idle queues cost little: a fetch for all of them waits at the brokers for the first job (arrival_watch.h). What there
// is to do is read when one came, of queues that are awake twice a second, and of all about three times a minute.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "src/jobqueue/queue_figures.h"
#include "operator/core/queue_status.h"
#include "src/base/time.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/settings.h"
#include "src/kube/object_key.h"

namespace drover::operators {

// What the operator wants of a queue.
struct QueueWish {
    std::shared_ptr<const jobqueue::JobQueue> queue;
    bool awake = false;      // it has workers, so its figures change
    std::string hot_config;  // to be said in its control topic, as is whether the spec pauses it; "": not known yet
    std::vector<jobqueue::RetryTopic>
        retired;  // retry topics of an earlier policy, which are read until they are empty

    bool operator==(const QueueWish&) const = default;
};

// What is known of a queue, as of the last look.
struct QueueView {
    operator_core::Finding reachable{.reason = "NotReadYet", .message = "Kafka has not been asked yet"};
    operator_core::Finding topics_ready{.reason = "NotReadYet", .message = "Kafka has not been asked yet"};
    std::optional<jobqueue::QueueFigures> figures;  // nothing: they could not be read
    std::optional<Time> oldest_since;               // when the oldest job that is unfinished came, within seconds
    Time at{};                                      // before that look

    // Whether a reconcile could come to another result.
    bool says_the_same(const QueueView& other) const;
};

class KafkaCluster {
public:
    class Listener {
    public:
        // Where something has changed; while there are retired topics, after each look.
        virtual void looked(const kube::ObjectKey& queue, const QueueView& view) = 0;
        // Some queues, or all, were looked at, or it failed. `work`: how long that took.
        virtual void round_done(Duration work, bool reachable) = 0;

    protected:
        ~Listener() = default;
    };

    // `listener` outlives the object, which is destroyed on the owner's executor. `may_write` is asked, by the thread,
    // before anything but topics is written: false as soon as somebody else may lead.
    KafkaCluster(kafka::Settings settings, boost::asio::any_io_executor owner, Listener& listener,
                 std::function<bool()> may_write);
    ~KafkaCluster();

    void wish(const kube::ObjectKey& key, QueueWish wish);
    // Its topics stay.
    void forget(const kube::ObjectKey& key);

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace drover::operators
