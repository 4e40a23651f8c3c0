// Looks, about once a second, at how much there is to do in each queue and who pauses it. Room: gateway.
//
// It has a thread of its own, since Admin blocks; what it finds is posted to the owner's executor. The destructor waits
// for a call that is under way, at most 5 s.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "gateway/core/queue_directory.h"
#include "src/base/result.h"
#include "src/jobqueue/control.h"
#include "src/jobqueue/queue_figures.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

struct QueueLook {
    jobqueue::QueueFigures figures;
    std::vector<jobqueue::control::Pause> pauses;
};

class QueueMonitor {
public:
    // By <namespace>.<name>; queues without topics are not in it. An Error: Kafka could not be asked.
    using Looks = Result<std::map<std::string, QueueLook>>;
    using Listener = std::function<void(Looks)>;

    // `listener` is called on `owner`, and not after the destructor.
    QueueMonitor(kafka::Settings settings, boost::asio::any_io_executor owner, Listener listener);
    ~QueueMonitor();

    // The queues to look at from now on. Any thread.
    void watch(std::vector<std::shared_ptr<const KnownQueue>> queues);

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace drover::gateway
