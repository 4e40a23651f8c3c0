// What the gateway's routes work on. Room: gateway. Owner thread: the loop.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>

#include "gateway/core/access.h"
#include "gateway/core/audit.h"
#include "gateway/core/job.h"
#include "gateway/core/key_book.h"
#include "gateway/core/lag_history.h"
#include "gateway/core/partition_turns.h"
#include "gateway/core/queue_directory.h"
#include "gateway/core/schedule.h"
#include "gateway/core/workers_book.h"
#include "gateway/gateway_metrics.h"
#include "gateway/job_follower.h"
#include "gateway/queue_monitor.h"
#include "gateway/recent_jobs.h"
#include "gateway/record_reader.h"
#include "gateway/scheduler/scheduler.h"
#include "gateway/settings.h"
#include "gateway/submit/job_submitter.h"
#include "gateway/view/view_feeder.h"
#include "gateway/view/view_readers.h"

namespace drover::gateway {

// What happened lately in each queue, as the view had it.
struct Pulses {
    std::map<std::string, QueuePulse> queues;
    Time since{}, at{};
};

// Something that answers its call later.
class Waiting {
public:
    virtual ~Waiting() = default;
    virtual void finish() = 0;  // now, with what there is: the gateway stops
};

class BulkDesk;

struct GatewayState {
    GatewayState(boost::asio::io_context& loop, GatewaySettings given);
    ~GatewayState();

    Time now() const { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
    std::string new_id();

    boost::asio::io_context& io;
    const GatewaySettings settings;
    GatewayMetrics metrics;
    AuditBook audit;
    std::shared_ptr<const Access> access;

    QueueDirectory queues;
    bool knows_queues = false;  // from drover.gateway, or, while Kafka is away, as they were when it was read last
    bool has_read_log = false;  // drover.gateway, to its end
    std::map<std::string, QueueLook> looks;
    std::map<std::string, LagHistory> lags;
    WorkersBook workers;
    std::string kafka_trouble = "Kafka has not been asked yet";  // of the last look; "": none

    std::unique_ptr<ViewReaders> view;
    FeederStatus feeder;
    QueueCounts counts;  // of the last look
    Pulses pulses;
    JobWatchers watchers;
    std::set<std::shared_ptr<Waiting>> waiting;
    std::unique_ptr<RecordReader> records;
    RecentJobs recent;
    std::unique_ptr<JobSubmitter> submitter;
    KeyBook keys;
    std::map<std::string, PartitionTurns> turns;  // by topic
    ScheduleBook schedules;
    std::unique_ptr<Scheduler> scheduler;  // null until its topics are there
    SchedulerStatus scheduler_status;
    std::unique_ptr<BulkDesk> bulk;  // the same

    std::mt19937_64 random{std::random_device{}()};
};

}  // namespace drover::gateway
