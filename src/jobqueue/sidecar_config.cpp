#include "src/jobqueue/sidecar_config.h"

#include <limits>

#include "src/jobqueue/spec_fields.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr int version = 1;

// Loopback tests ask for port 0, which lets the system choose.
constexpr int any_port = 0, last_port = 65535;

void read_retry_topics(FieldReader& fields, const char* name, std::vector<RetryTopic>& out) {
    fields.read_sequence(name, [&](const Node& item, const std::string& path) {
        RetryTopic topic;
        FieldReader entry(&item, path, fields.problems());
        if (!entry.is_present()) return;
        entry.require("topic");
        entry.read_string("topic", topic.topic);
        entry.require("step");
        entry.read_duration("step", topic.step, 1ms, Duration::max());
        if (!out.empty() && topic.step <= out.back().step) entry.complain("step", "must be longer than the one before");
        entry.refuse_unknown();
        out.push_back(std::move(topic));
    });
}

void read_lanes(FieldReader& fields, std::vector<SidecarLane>& out) {
    fields.read_sequence("lanes", [&](const Node& item, const std::string& path) {
        SidecarLane lane;
        FieldReader entry(&item, path, fields.problems());
        if (!entry.is_present()) return;
        for (const auto name : {"lane", "topic", "group"}) entry.require(name);
        entry.read_string("lane", lane.lane);
        entry.read_string("topic", lane.topic);
        entry.read_string("group", lane.group);
        entry.refuse_unknown();
        out.push_back(std::move(lane));
    });
}

SidecarConfig read_config(FieldReader fields) {
    SidecarConfig config;
    int given_version = 0;
    fields.require("version");
    fields.read_integer("version", given_version, version, version);
    for (const auto name : {"queue", "kafka", "topic", "deadLetterTopic", "group"}) fields.require(name);
    fields.read_string("queue", config.queue);
    fields.read_string("namespace", config.ns);
    fields.read_string("pod", config.pod);
    fields.read_string("uid", config.uid);
    fields.read_integer("generation", config.generation, 0, std::numeric_limits<std::int64_t>::max());
    fields.read_strings("kafka", config.kafka);
    fields.read_string("topic", config.topic);
    read_lanes(fields, config.lanes);
    read_retry_topics(fields, "retryTopics", config.retry_topics);
    read_retry_topics(fields, "retiredRetryTopics", config.retired_retry_topics);
    fields.read_string("deadLetterTopic", config.dead_letter_topic);
    fields.read_string("controlTopic", config.control_topic);
    fields.read_string("eventsTopic", config.events_topic);
    fields.read_string("group", config.group);
    fields.read_string("retryGroup", config.retry_group);
    fields.read_integer("partitions", config.partitions, 1, 1000);
    fields.read_strings("queueTopics", config.queue_topics);
    read_delivery(fields.nested("delivery"), config.delivery);
    read_retry(fields.nested("retry"), config.retry);
    fields.read_boolean("paused", config.paused);
    fields.read_integer("appPort", config.app_port, any_port, last_port);
    fields.read_string("probeAddress", config.probe_address);
    fields.read_integer("probePort", config.probe_port, any_port, last_port);
    fields.read_string("drainToken", config.drain_token);
    fields.read_duration("commitInterval", config.commit_interval, 1ms, 1min);
    fields.read_duration("sessionTimeout", config.session_timeout, 1s, 1h);
    fields.refuse_unknown();
    return config;
}

}  // namespace

SidecarConfig sidecar_config_for(const JobQueue& queue) {
    SidecarConfig config;
    config.queue = queue.name;
    config.ns = queue.ns;
    config.generation = queue.generation;
    config.kafka = queue.kafka.settings;
    if (!queue.kafka.bootstrap_servers.empty()) config.kafka["bootstrap.servers"] = queue.kafka.bootstrap_servers;
    Topics topics = topics_of(queue);
    config.topic = std::move(topics.main);
    if (topics.lanes.size() > 1) {
        for (LaneTopic& lane : topics.lanes) {
            std::string group = lane_group_of(queue, lane.lane);
            config.lanes.push_back({std::move(lane.lane), std::move(lane.topic), std::move(group)});
        }
    }
    config.control_topic = std::move(topics.control);
    if (queue.events) config.events_topic = events_topic;
    config.retry_topics = std::move(topics.retries);
    config.dead_letter_topic = std::move(topics.dead_letters);
    config.group = group_of(queue);
    config.retry_group = retry_group_of(queue);
    config.partitions = queue.kafka.partitions;
    config.queue_topics = {{queue.name, config.topic}};
    config.delivery = queue.delivery;
    config.retry = queue.retry;
    config.paused = queue.paused;
    return config;
}

std::string to_json(const SidecarConfig& config) {
    const auto topics_in_json = [](const std::vector<RetryTopic>& topics) {
        ordered_json list = ordered_json::array();
        for (const auto& retry : topics)
            list.push_back({{"topic", retry.topic}, {"step", format_duration(retry.step)}});
        return list;
    };
    ordered_json lanes = ordered_json::array();
    for (const auto& lane : config.lanes)
        lanes.push_back({{"lane", lane.lane}, {"topic", lane.topic}, {"group", lane.group}});
    const ordered_json json{{"version", version},
                            {"queue", config.queue},
                            {"namespace", config.ns},
                            {"pod", config.pod},
                            {"uid", config.uid},
                            {"generation", config.generation},
                            {"kafka", config.kafka},
                            {"topic", config.topic},
                            {"lanes", std::move(lanes)},
                            {"retryTopics", topics_in_json(config.retry_topics)},
                            {"retiredRetryTopics", topics_in_json(config.retired_retry_topics)},
                            {"deadLetterTopic", config.dead_letter_topic},
                            {"controlTopic", config.control_topic},
                            {"eventsTopic", config.events_topic},
                            {"group", config.group},
                            {"retryGroup", config.retry_group},
                            {"partitions", config.partitions},
                            {"queueTopics", config.queue_topics},
                            {"delivery", delivery_json(config.delivery)},
                            {"retry", retry_json(config.retry)},
                            {"paused", config.paused},
                            {"appPort", config.app_port},
                            {"probeAddress", config.probe_address},
                            {"probePort", config.probe_port},
                            {"drainToken", config.drain_token},
                            {"commitInterval", format_duration(config.commit_interval)},
                            {"sessionTimeout", format_duration(config.session_timeout)}};
    return json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

Result<SidecarConfig> sidecar_config_from_json(std::string_view text) {
    const std::string file = "sidecar config";
    Documents read = read_json(text, file);
    SidecarConfig config;
    if (!read.documents.empty()) {
        Problems problems(file, read.problems);
        config = read_config(FieldReader(read.documents.front().get(), "", problems));
        if (config.kafka.find("bootstrap.servers") == config.kafka.end())
            problems.add(0, "kafka['bootstrap.servers']", "is missing");
    } else if (read.problems.empty()) {
        read.problems.push_back({file, 0, "", "is empty"});
    }
    if (read.problems.empty()) return config;

    std::string message;
    for (const auto& problem : read.problems) message += (message.empty() ? "" : "\n") + format_problem(problem);
    return failure(Error::Code::invalid, message);
}

}  // namespace drover::jobqueue
