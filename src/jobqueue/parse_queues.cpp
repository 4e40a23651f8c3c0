#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "src/jobqueue/priorities.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/spec_fields.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;

constexpr Duration max_retention = 87600h;  // ten years
constexpr std::size_t max_settings = 100;
constexpr std::size_t max_servers_length = 4096;
constexpr std::size_t max_schedules = 20;
constexpr std::size_t max_cron_length = 256;

// librdkafka settings that decide whether jobs are lost or handed over twice, and one that loads code.
constexpr std::array<std::string_view, 31> owned_settings{
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "partition.assignment.strategy",
    "max.poll.interval.ms",
    "enable.auto.commit",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "offset.store.method",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "auto.offset.reset",
    "enable.partition.eof",
    "isolation.level",
    "allow.auto.create.topics",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "transactional.id",
    "acks",
    "request.required.acks",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.send.max.retries",
    "retries",
    "partitioner",
    "delivery.report.only.error",
    "produce.offset.report",
    "plugin.library.paths",
};

Complaint check_servers(std::string_view servers) {
    if (servers.empty()) return "must not be empty";
    if (servers.size() > max_servers_length)
        return "must have at most " + std::to_string(max_servers_length) + " characters";
    if (servers.front() == ',' || servers.back() == ',' || servers.find(",,") != std::string_view::npos)
        return "must be host:port, several with a comma between them";
    if (!std::all_of(servers.begin(), servers.end(), [](char c) { return c > ' ' && c <= '~'; }))
        return "must be host:port, several with a comma between them, without spaces";
    return std::nullopt;
}

void read_metadata(FieldReader fields, JobQueue& queue) {
    fields.read_string("name", queue.name, check_queue_name);
    if (fields.is_present()) fields.require("name");
    fields.read_string("namespace", queue.ns, check_dns_label);
    fields.read_strings("labels", queue.labels);
    fields.read_strings("annotations", queue.annotations);
    // What an API server adds.
    fields.read_integer("generation", queue.generation, 0, std::numeric_limits<std::int64_t>::max());
    fields.accept({"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                   "managedFields", "finalizers", "ownerReferences", "selfLink"});
    fields.refuse_unknown();
}

void read_kafka(FieldReader fields, bool servers_may_be_missing, JobQueue& queue, FieldReader& spec) {
    KafkaSpec& kafka = queue.kafka;
    fields.read_string("bootstrapServers", kafka.bootstrap_servers, check_servers);
    if (!servers_may_be_missing) {
        if (fields.is_present())
            fields.require("bootstrapServers");
        else if (spec.find("kafka") == nullptr)
            spec.problems().add(spec.line(), spec.path() + ".kafka.bootstrapServers", "is missing");
    }
    fields.read_string("authSecret", kafka.auth_secret, check_dns_subdomain);
    fields.read_string("topic", kafka.topic, check_topic);
    fields.read_integer("partitions", kafka.partitions, 1, 1000);
    fields.read_integer("replicationFactor", kafka.replication_factor, 1, 100);
    fields.read_boolean("deleteTopics", kafka.delete_topics);
    fields.read_settings("settings", kafka.settings, max_settings);
    if (const Node* settings = fields.find("settings"); settings != nullptr) {
        const auto path = child_path(fields.path(), "settings");
        for (const auto& entry : settings->entries) {
            if (entry.key == "bootstrap.servers" || entry.key == "metadata.broker.list")
                fields.problems().add(entry.line, child_path(path, entry.key),
                                      "belongs in spec.kafka.bootstrapServers");
            else if (std::find(owned_settings.begin(), owned_settings.end(), entry.key) != owned_settings.end())
                fields.problems().add(entry.line, child_path(path, entry.key),
                                      "is set by Drover itself, for its promises hang on it");
        }
    }
    fields.refuse_unknown();
}

void read_worker(FieldReader& spec, bool may_be_missing, JobQueue& queue) {
    FieldReader worker = spec.nested("worker");
    worker.read_string("container", queue.worker_container, check_dns_label);
    if (const Node* pod = worker.find("template")) {
        if (pod->kind == Node::Kind::mapping)
            queue.worker_template_json = to_json(*pod).dump();
        else
            worker.complain("template", "must be a pod template, is " + describe(*pod));
    } else if (worker.is_present() && !may_be_missing) {
        worker.complain("template", "is missing");
    }
    worker.refuse_unknown();

    FieldReader target = spec.nested("targetRef");
    std::string unused;
    target.read_choice<std::string>("apiVersion", unused, {{"apps/v1", "apps/v1"}});
    target.read_choice<std::string>("kind", unused, {{"Deployment", "Deployment"}});
    target.read_string("name", queue.target_ref_name, check_dns_subdomain);
    if (target.is_present()) target.require("name");
    target.refuse_unknown();

    const bool has_worker = spec.find("worker") != nullptr, has_target = spec.find("targetRef") != nullptr;
    if (has_worker && has_target) spec.complain("targetRef", "cannot be given beside worker: it is one or the other");
    if (!has_worker && !has_target && !may_be_missing)
        spec.complain("worker", "is missing: give worker.template or targetRef, or, for drover run, the annotation " +
                                    std::string(local_command_annotation));
}

void read_priorities(FieldReader& spec, std::vector<std::string>& out) {
    if (spec.find("priorities") == nullptr) return;
    std::array<bool, lanes.size()> wanted{};
    std::size_t entries = 0;
    spec.read_sequence("priorities", [&](const Node& item, const std::string& path) {
        ++entries;
        const auto name = as_string(item);
        const auto rank = name ? lane_rank(*name) : std::nullopt;
        if (!rank) {
            std::string message = "must be critical, high, normal, low or background, is " + describe(item);
            if (const auto near = name ? nearest_name(*name, lanes) : std::string_view{}; !near.empty())
                message += ": did you mean '" + std::string(near) + "'?";
            return spec.problems().add(item.line, path, message);
        }
        if (wanted[*rank]) return spec.problems().add(item.line, path, "is given twice: " + std::string(*name));
        wanted[*rank] = true;
    });
    if (const Node* node = spec.find("priorities"); node->kind == Node::Kind::sequence && entries == 0)
        spec.complain("priorities", "must name at least one lane");
    // The main topic is the normal lane, and always there.
    wanted[*lane_rank(normal_lane)] = true;
    out.clear();
    for (std::size_t rank = 0; rank < lanes.size(); ++rank)
        if (wanted[rank]) out.emplace_back(lanes[rank]);
}

void read_retention(FieldReader fields, Retention& out) {
    fields.read_duration("age", out.age, 1ms, max_retention);
    std::int64_t count = -1;
    fields.read_integer("count", count, 0, 1'000'000'000);
    if (count >= 0) out.count = count;
    fields.refuse_unknown();
}

void read_schemas(FieldReader& spec, std::map<std::string, std::string>& out) {
    const Node* schemas = spec.find("schemas");
    if (schemas == nullptr) return;
    if (schemas->kind != Node::Kind::mapping)
        return spec.complain("schemas", "must be a mapping, is " + describe(*schemas));
    for (const auto& entry : schemas->entries) {
        if (entry.value->kind == Node::Kind::null) continue;
        if (entry.value->kind == Node::Kind::mapping)
            out[entry.key] = to_json(*entry.value).dump();
        else
            spec.problems().add(entry.line, child_path(child_path(spec.path(), "schemas"), entry.key),
                                "must be a JSON Schema as a mapping ({} takes all), is " + describe(*entry.value));
    }
}

std::optional<cron::Expression> read_cron(FieldReader& fields, std::string_view name) {
    std::string text;
    fields.require(name);
    fields.read_string(name, text);
    const Node* node = fields.find(name);
    if (node == nullptr || !as_string(*node)) return std::nullopt;
    if (text.size() > max_cron_length) {
        fields.complain(name, "must have at most " + std::to_string(max_cron_length) + " characters");
        return std::nullopt;
    }
    auto expression = cron::Expression::parse(text);
    if (expression) return std::move(*expression);
    fields.complain(name, "must be a cron expression, as in '0 8 * * mon-fri': " + expression.error().message);
    return std::nullopt;
}

void read_schedule(FieldReader fields, int max_replicas, std::vector<ScalingSchedule>& out) {
    const auto start = read_cron(fields, "start"), end = read_cron(fields, "end");
    if (start && end && *start == *end) fields.complain("end", "is the same as start");
    std::string zone_name = "UTC";
    fields.read_string("timeZone", zone_name);
    const Result<cron::Zone> zone = cron::Zone::load(zone_name.empty() ? " " : zone_name);
    if (!zone) fields.complain("timeZone", zone.error().message);
    int replicas = 0;
    fields.require("minReplicas");
    fields.read_integer("minReplicas", replicas, 1, 1000);
    if (replicas > max_replicas) {
        fields.complain("minReplicas",
                        "is " + std::to_string(replicas) + ", more than maxReplicas, " + std::to_string(max_replicas));
    }
    fields.refuse_unknown();
    if (start && end && zone) out.push_back({*start, *end, *zone, replicas});
}

void read_schedules(FieldReader& scaling, int max_replicas, std::vector<ScalingSchedule>& out) {
    if (scaling.find("schedules") == nullptr) return;
    std::size_t entries = 0;
    scaling.read_sequence("schedules", [&](const Node& item, const std::string& path) {
        ++entries;
        read_schedule(FieldReader(&item, path, scaling.problems()), max_replicas, out);
    });
    if (entries > max_schedules) {
        scaling.complain("schedules", "must have at most " + std::to_string(max_schedules) + " entries, has " +
                                          std::to_string(entries));
    }
}

void read_scaling(FieldReader fields, ScalingSpec& out) {
    fields.read_integer("minReplicas", out.min_replicas, 0, 1000);
    fields.read_integer("maxReplicas", out.max_replicas, 1, 1000);
    fields.read_duration("targetWait", out.target_wait, 1ms, 24h);
    fields.read_integer("targetLag", out.target_lag, 1, 1'000'000'000);
    fields.read_duration("idleAfter", out.idle_after, 0s, 24h);
    read_schedules(fields, out.max_replicas, out.schedules);
    if (out.min_replicas > out.max_replicas)
        fields.complain("minReplicas", "is " + std::to_string(out.min_replicas) + ", more than maxReplicas, " +
                                           std::to_string(out.max_replicas));
    fields.refuse_unknown();
}

void read_spec(FieldReader spec, JobQueue& queue) {
    const bool is_local = queue.annotations.contains(std::string(local_command_annotation));
    read_kafka(spec.nested("kafka"), is_local, queue, spec);
    read_worker(spec, is_local, queue);
    read_delivery(spec.nested("delivery"), queue.delivery);
    read_retry(spec.nested("retry"), queue.retry);
    FieldReader dead_letter = spec.nested("deadLetter");
    dead_letter.read_duration("retention", queue.dead_letter_retention, 1ms, max_retention);
    dead_letter.refuse_unknown();
    read_priorities(spec, queue.priorities);
    FieldReader retention = spec.nested("retention");
    read_retention(retention.nested("completed"), queue.completed);
    read_retention(retention.nested("failed"), queue.failed);
    retention.refuse_unknown();
    read_schemas(spec, queue.schemas_json);
    read_scaling(spec.nested("scaling"), queue.scaling);
    spec.read_boolean("paused", queue.paused);
    spec.read_boolean("events", queue.events);
    spec.refuse_unknown();
}

JobQueue read_queue(const Node& document, const std::string& file, Problems& problems) {
    JobQueue queue;
    queue.source_file = file;
    queue.source_line = document.line;
    FieldReader fields(&document, "", problems);
    if (!fields.is_present()) return queue;

    // A document of another kind is not judged by our rules: this one problem says it all.
    bool is_queue = false, is_known_version = false;
    fields.require("kind");
    fields.read_choice("kind", is_queue, {{"JobQueue", true}});
    if (fields.find("kind") != nullptr && !is_queue) return queue;
    fields.require("apiVersion");
    fields.read_choice("apiVersion", is_known_version, {{"drover.dev/v1alpha1", true}});

    fields.require("metadata");
    read_metadata(fields.nested("metadata"), queue);
    // Without a spec, what it has to have is missing all the same.
    Node empty;
    empty.kind = Node::Kind::mapping;
    empty.line = document.line;
    const Node* spec = fields.find("spec");
    read_spec(FieldReader(spec != nullptr ? spec : &empty, "spec", problems), queue);
    fields.accept({"status"});
    fields.refuse_unknown();
    return queue;
}

std::vector<std::string> all_topics(const JobQueue& queue) {
    const Topics topics = topics_of(queue);
    std::vector<std::string> names{topics.main, topics.dead_letters, topics.control};
    for (const auto& lane : topics.lanes)
        if (lane.topic != topics.main) names.push_back(lane.topic);
    for (const auto& retry : topics.retries) names.push_back(retry.topic);
    return names;
}

std::string full_name(const JobQueue& queue) { return queue.ns + "/" + queue.name; }

}  // namespace

std::string format_problem(const Problem& problem) {
    std::string text = problem.file.empty() ? "input" : problem.file;
    if (problem.line > 0) text += ":" + std::to_string(problem.line);
    text += ": ";
    if (!problem.path.empty()) text += problem.path + ": ";
    return text + problem.message;
}

std::vector<Problem> conflicts_between(const std::vector<JobQueue>& queues) {
    std::vector<Problem> problems;
    std::map<std::string, const JobQueue*> by_name;
    std::map<std::string, std::string> owners;
    for (const auto topic : {events_topic, delayed_topic, gateway_topic}) owners.emplace(topic, "Drover");
    for (const auto& queue : queues) {
        if (queue.name.empty()) continue;
        if (const auto [other, fresh] = by_name.emplace(full_name(queue), &queue); !fresh) {
            problems.push_back({queue.source_file, queue.source_line, "metadata.name",
                                "there is another queue " + full_name(queue) + ", at " + other->second->source_file +
                                    ":" + std::to_string(other->second->source_line)});
            continue;
        }
        // One message for a queue is enough: where the main topic is shared, the others are too.
        for (const auto& topic : all_topics(queue)) {
            const auto [owner, fresh] = owners.emplace(topic, "queue " + full_name(queue));
            if (fresh) continue;
            problems.push_back({queue.source_file, queue.source_line, "spec.kafka.topic",
                                "the topic " + topic + " belongs to " + owner->second});
            break;
        }
    }
    return problems;
}

ParsedQueues parse_queues(std::string_view text, const std::string& file) {
    Documents read = read_yaml(text, file);
    // yaml-cpp refuses some JSON, for instance a pair of surrogates. JSON knows no lines, so it comes second.
    if (!read.problems.empty()) {
        const auto first = text.find_first_not_of(" \t\r\n");
        if (first != std::string_view::npos && text[first] == '{')
            if (Documents json = read_json(text, file); json.problems.empty()) read = std::move(json);
    }

    ParsedQueues parsed;
    parsed.problems = std::move(read.problems);
    Problems problems(file, parsed.problems);
    for (const auto& document : read.documents) parsed.queues.push_back(read_queue(*document, file, problems));
    if (parsed.queues.empty() && parsed.problems.empty()) problems.add(0, "", "has no JobQueue in it");
    for (auto& problem : conflicts_between(parsed.queues)) parsed.problems.push_back(std::move(problem));
    std::stable_sort(parsed.problems.begin(), parsed.problems.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    return parsed;
}

}  // namespace drover::jobqueue
