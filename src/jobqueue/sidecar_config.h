// The contract between whoever starts a sidecar (operator, local runner) and the sidecar: one JSON document, version 1.
// Room: jobqueue.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"

namespace drover::jobqueue {

struct SidecarLane {
    std::string lane;  // its name, as in a job's drover-priority
    std::string topic;
    std::string group;
    bool operator==(const SidecarLane&) const = default;
};

struct SidecarConfig {
    std::string queue;  // name
    std::string ns = "default";
    std::string pod;                           // who this is, in attempts and metrics
    std::string uid;                           // of the JobQueue in its cluster; "" where there is none
    std::int64_t generation = 0;               // of the JobQueue that this was made of; 0 where nobody counts
    std::map<std::string, std::string> kafka;  // librdkafka settings by its own names, bootstrap.servers among them

    std::string topic;               // of the normal lane
    std::vector<SidecarLane> lanes;  // most urgent first, the normal one among them; empty: only that one
    std::vector<RetryTopic> retry_topics;
    std::vector<RetryTopic> retired_retry_topics;  // of an earlier policy: read until they are empty, not written to
    std::string dead_letter_topic;
    std::string control_topic;  // "": nobody pauses or cancels
    std::string events_topic;   // "": nobody is told what happens to jobs
    std::string group;          // of the normal lane
    std::string retry_group;
    int partitions = 12;                              // of each topic, roughly: memory is divided among them
    std::map<std::string, std::string> queue_topics;  // queue name → main topic, for jobs that the worker submits

    DeliverySpec delivery;
    RetryPolicy retry;
    bool paused = false;

    int app_port = 4040;  // loopback: progress, submit, pull
    std::string probe_address = "0.0.0.0";
    int probe_port = 4041;    // health, metrics, drain
    std::string drain_token;  // "" means /drain needs none (loopback only)
    Duration commit_interval = std::chrono::milliseconds(100);
    // After how long without a sign of life the group gives a sidecar's partitions to others. Longer on the embedded
    // broker, whose session timer runs on while a member waits for a rebalance.
    Duration session_timeout = std::chrono::seconds(6);

    bool operator==(const SidecarConfig&) const = default;
};

// The config for `queue` with the names that follow from it. `kafka` has what the queue says; ports, pod, credentials
// and, where the queue names none, bootstrap.servers are the caller's to fill.
SidecarConfig sidecar_config_for(const JobQueue& queue);

std::string to_json(const SidecarConfig& config);
// Every problem in one message, each with its path.
Result<SidecarConfig> sidecar_config_from_json(std::string_view text);

}  // namespace drover::jobqueue
