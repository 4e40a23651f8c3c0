// One queue of `drover run`: its replicas, as many as decide() says, and what they have done. Room: cli.
// Owner thread: that of `io`; lives as long as the run.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "cli/run/replica.h"
#include "cli/run/totals.h"
#include "cli/run_summary.h"
#include "cli/status_table.h"
#include "operator/core/observation.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/workers_record.h"

namespace drover::cli {

// What the queues of one run share.
struct RunPlace {
    boost::asio::io_context& io;
    PortPool& ports;
    std::filesystem::path executable;  // this program, for sidecars
    std::filesystem::path data;
    std::map<std::string, std::string> kafka;         // librdkafka's settings, bootstrap.servers among them
    bool embedded = false;                            // the broker is ours
    std::map<std::string, std::string> queue_topics;  // of all queues, for jobs that workers submit
    // A line that a replica's program wrote.
    std::function<void(const std::string& replica, const std::string& program, const std::string& line)> line;
    // One of a replica's programs crashed, and is started again.
    std::function<void(const std::string& replica, const std::string& why)> crashed;
    // A sidecar ended without leaving its groups, in which it is known by this client id.
    std::function<void(const jobqueue::JobQueue& queue, const std::string& client_id)> member_died;
};

class QueueRunner {
public:
    QueueRunner(RunPlace& place, jobqueue::JobQueue queue);

    // A look at the topics, null for one that failed: decides, starts and stops replicas.
    void observe(const jobqueue::QueueFigures* figures);
    void poll();                               // asks all sidecars for their figures
    void stop(std::function<void()> stopped);  // drains all; never calls back from within
    void kill();

    const jobqueue::JobQueue& queue() const { return queue_; }
    // Nothing waits, retries or is in flight, as far as the last look could see.
    bool is_idle() const;
    // Jobs that reached their end since the run began.
    std::uint64_t finished() const;
    // `kafka_problem` is "" while the last look succeeded.
    QueueStatus status(const std::string& kafka_problem) const;
    sidecar::Stats stats() const;
    QueueSummary summary() const;
    jobqueue::WorkersRecord workers() const;  // as gateways are told
    void add_causes(DeadLetterCauses& causes) const;

private:
    void scale_to(int wanted);
    void start_replica();
    Result<void> write_config(const std::filesystem::path& file, const std::string& name, const std::string& client_id,
                              const PortPool::Ports& ports) const;
    void stop_idlest();
    void ended(const std::string& name);
    void remember_dead_letter(const std::string& line);
    int working() const;  // replicas that are not stopping
    QueueState state_of(const std::string& kafka_problem, std::int64_t in_flight) const;

    RunPlace& place_;
    const jobqueue::JobQueue queue_;
    const operator_core::ScalingPolicy policy_;
    operator_core::Memory memory_;
    std::string reason_, message_;  // of the last decision
    std::optional<jobqueue::QueueFigures> figures_;
    std::vector<std::shared_ptr<Replica>> replicas_;
    sidecar::Stats past_;  // of replicas that are gone
    RateMeter rate_;
    std::map<std::string, std::string> example_of_class_;  // of dead letters
    int wanted_ = 0;
    std::string problem_;  // why a replica could not be started
    bool stopping_ = false;
    std::function<void()> stopped_;
};

}  // namespace drover::cli
