// The JobQueue resource: what a user writes. Parsed, defaulted, validated; immutable afterwards. Room: jobqueue.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/time.h"
#include "src/cron/expression.h"
#include "src/cron/zone.h"
#include "src/jobqueue/retry_policy.h"

namespace drover::jobqueue {

enum class Ordering { none, key, partition };
std::string_view name_of(Ordering ordering);
enum class Mode { push, pull };

struct Rate {
    int max = 0;
    Duration per = std::chrono::seconds(1);
    bool operator==(const Rate&) const = default;
};

struct KafkaSpec {
    std::string bootstrap_servers;  // "" where the runner supplies it
    std::string auth_secret;
    std::string topic;  // default "<namespace>.<name>"
    int partitions = 12;
    int replication_factor = 3;                   // a local broker has fewer: the runner lowers it
    bool delete_topics = false;                   // with the queue; in a cluster only
    std::map<std::string, std::string> settings;  // passed to librdkafka as they are
    bool operator==(const KafkaSpec&) const = default;
};

struct DeliverySpec {
    Mode mode = Mode::push;
    int port = 8080;
    std::string path = "/";
    int concurrency = 8;
    Duration timeout = std::chrono::seconds(30);
    Ordering ordering = Ordering::none;
    std::optional<Rate> rate_limit;
    std::optional<Rate> key_rate_limit;
    int batch_max_size = 1;
    Duration batch_max_wait{0};
    bool async_completion = false;
    std::int64_t max_payload = 128 * 1024;          // bytes
    Duration max_drain = std::chrono::seconds(30);  // how long a leased job has when its partition goes elsewhere
    bool operator==(const DeliverySpec&) const = default;
};

// From each time of `start` to the next one of `end`.
struct ScalingSchedule {
    cron::Expression start, end;
    cron::Zone zone;
    int min_replicas = 1;
    bool operator==(const ScalingSchedule& other) const {
        return start == other.start && end == other.end && zone.name() == other.zone.name() &&
               min_replicas == other.min_replicas;
    }
};

struct ScalingSpec {
    int min_replicas = 0;
    int max_replicas = 20;
    Duration target_wait = std::chrono::seconds(30);
    int target_lag = 100;
    Duration idle_after = std::chrono::seconds(60);
    std::vector<ScalingSchedule> schedules;  // where several are open, the largest minimum counts
    bool operator==(const ScalingSpec&) const = default;
};

struct Retention {
    Duration age;
    std::optional<std::int64_t> count;
    bool operator==(const Retention&) const = default;
};

struct JobQueue {
    std::string name;
    std::string ns = "default";
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> annotations;
    std::int64_t generation = 0;  // that the API server counts, +1 with each change of the spec; 0: not from one

    KafkaSpec kafka;
    std::string worker_container;      // "" is the first
    std::string worker_template_json;  // the pod template as JSON, unknown fields kept; "" when adopted or local
    std::string target_ref_name;       // the Deployment that is adopted; "" when there is a template
    DeliverySpec delivery;
    RetryPolicy retry;
    Duration dead_letter_retention = std::chrono::hours(168);
    std::vector<std::string> priorities{"normal"};  // lanes that exist, highest first; normal always does
    Retention completed{std::chrono::hours(24), 1000};
    Retention failed{std::chrono::hours(168), std::nullopt};
    std::map<std::string, std::string> schemas_json;  // JSON Schema by job type
    ScalingSpec scaling;
    bool paused = false;
    bool events = false;  // what happens to its jobs is told in events_topic

    // Where it was written: for messages and for the folder in which a local command runs. "" when not from a file.
    std::string source_file;
    int source_line = 0;  // of its document, from 1; 0 when unknown

    bool operator==(const JobQueue&) const = default;
};

inline constexpr std::string_view local_command_annotation = "drover.dev/local-command";

// One thing wrong with a file: `path` as in spec.delivery.timeout, `line` from 1 (0 when unknown).
struct Problem {
    std::string file;
    int line = 0;
    std::string path;
    std::string message;
    bool operator==(const Problem&) const = default;
};
std::string format_problem(const Problem& problem);  // "queue.yaml:12: spec.delivery.timeout: …"

struct ParsedQueues {
    std::vector<JobQueue> queues;
    std::vector<Problem> problems;  // every one that was found; `queues` is only to be used when this is empty
};

// Every JobQueue document of a YAML (or JSON) text. Total: any bytes give queues or problems.
// Unknown fields, wrong types and units, values out of range, names that Kubernetes refuses, duplicate queues and
// duplicate topics are problems. Documents of another kind are problems too.
ParsedQueues parse_queues(std::string_view text, const std::string& file);

// Queues of one name, and topics that two queues would share. parse_queues has asked it of each text; of several
// files together, the caller does.
std::vector<Problem> conflicts_between(const std::vector<JobQueue>& queues);

// The queue on one line, every default written out; parse_queues makes an equal one of it.
std::string to_json(const JobQueue& queue);

// Names that follow from a queue.
struct RetryTopic {
    std::string topic;
    Duration step{0};
    bool operator==(const RetryTopic&) const = default;
};
struct LaneTopic {
    std::string lane;
    std::string topic;
    bool operator==(const LaneTopic&) const = default;
};
struct Topics {
    std::string main;
    std::vector<LaneTopic> lanes;     // highest first; the normal one is there always, and its topic is main
    std::vector<RetryTopic> retries;  // ascending; empty where ordering keeps a failing job in its place
    std::string dead_letters;         // <main>.dlq
    std::string control;              // <main>.control
};
Topics topics_of(const JobQueue& queue);
std::string retry_topic_name(const std::string& main, Duration step);
// Where a job of this priority, as its header has it, is produced: its lane's topic, or that of the next less urgent
// lane.
const std::string& topic_for(const Topics& topics, std::string_view priority);
std::string group_of(const JobQueue& queue);                              // drover.<namespace>.<name>
std::string lane_group_of(const JobQueue& queue, std::string_view lane);  // and .<lane>, but for the normal one
std::string retry_group_of(const JobQueue& queue);                        // and .retry

// Topics that all queues of one Kafka share.
inline constexpr std::string_view events_topic = "drover.events";    // keyed by job id
inline constexpr std::string_view delayed_topic = "drover.delayed";  // the gateway's, as the next
inline constexpr std::string_view gateway_topic = "drover.gateway";

}  // namespace drover::jobqueue
