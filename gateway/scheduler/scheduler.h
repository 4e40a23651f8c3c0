// Delayed jobs and cron schedules: dispatched when they are due, in transactions. Room: gateway/scheduler.
//
// Every gateway has one. They share the partitions of drover.delayed as members of one consumer group; each reads the
// partitions that it owns from their beginning, and a schedule belongs to the owner of the partition of its key. A job
// moves to its topic together with its tombstone; a schedule's jobs are written together with what was run. The
// transactional id is the partition's, `<prefix>delayed-<partition>`, so that whoever owns it now has fenced off
// whoever did before, before it reads the last of the partition. So each job comes once, whichever gateway dies when.
//
// By the brokers' clock, never early: it is asked with every write, and taken for as late as the answer.
//
// Threads: one that decides, and one for each partition, which waits for Kafka in transactions; the payloads of jobs
// that wait for long are in files in `data`, which are gone with the process. The listener is called on `owner`, and
// never after the destructor, which leaves the group and lets transactions end (up to 10 s where Kafka does not
// answer).
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "gateway/core/delayed_record.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

struct SchedulerOptions {
    kafka::Settings kafka;
    std::filesystem::path data;      // there, and ours to write to
    std::string prefix = "drover.";  // of the transactional ids and the group
    std::string delayed_topic = "drover.delayed";
    std::string gateway_topic = "drover.gateway";
    std::string events_topic = "drover.events";
    std::chrono::milliseconds session_timeout{6000};
    std::size_t largest_batch = 500;  // jobs in one transaction
};

// How it stands; for health, metrics and counts.
struct SchedulerStatus {
    bool ready = false;           // owns what the group gave it, and has read it
    std::vector<int> partitions;  // that it owns and has read …
    int partition_count = 0;      // … of so many
    std::string trouble;          // what keeps it from going on; "": nothing
    // Of the partitions that it owns: with several gateways, a queue's number is the sum over them.
    std::map<std::string, std::int64_t> waiting;
    std::uint64_t dispatched = 0, cancelled = 0, scheduled = 0;  // jobs, since the start
    std::uint64_t refused = 0;                                   // records that cannot be understood or dispatched
    Duration behind{};                                           // how long the first of the due ones has waited
    Duration brokers_clock{};                                    // its difference from this machine's, as far as known
    std::map<std::string, std::string> schedule_troubles;        // by <queue>/<name>: why it cannot run
    bool operator==(const SchedulerStatus&) const = default;
};

class Scheduler {
public:
    // When something changed, at most about four times a second.
    using Listener = std::function<void(const SchedulerStatus&)>;
    using Done = std::function<void(Result<void>)>;

    Scheduler(SchedulerOptions options, boost::asio::any_io_executor owner, Listener listener);
    ~Scheduler();

    // Of a job that waits, or waited: see DelayedCancel. `done` is called once on `owner`, when Kafka has the command
    // (nothing about the job is known by then) or it could not be written; not after the destructor. Any thread.
    void cancel(DelayedCancel cancel, Done done);

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace drover::gateway
