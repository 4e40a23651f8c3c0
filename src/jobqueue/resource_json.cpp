// A JobQueue written as a file has it.
#include <nlohmann/json.hpp>

#include "src/jobqueue/resource.h"
#include "src/jobqueue/spec_fields.h"

namespace drover::jobqueue {
namespace {

using nlohmann::ordered_json;

ordered_json metadata_json(const JobQueue& queue) {
    ordered_json json{{"name", queue.name}, {"namespace", queue.ns}};
    if (!queue.labels.empty()) json["labels"] = queue.labels;
    if (!queue.annotations.empty()) json["annotations"] = queue.annotations;
    if (queue.generation != 0) json["generation"] = queue.generation;
    return json;
}

ordered_json kafka_json(const KafkaSpec& kafka) {
    ordered_json json = ordered_json::object();
    if (!kafka.bootstrap_servers.empty()) json["bootstrapServers"] = kafka.bootstrap_servers;
    if (!kafka.auth_secret.empty()) json["authSecret"] = kafka.auth_secret;
    if (!kafka.topic.empty()) json["topic"] = kafka.topic;
    json["partitions"] = kafka.partitions;
    json["replicationFactor"] = kafka.replication_factor;
    json["deleteTopics"] = kafka.delete_topics;
    if (!kafka.settings.empty()) json["settings"] = kafka.settings;
    return json;
}

ordered_json retention_json(const Retention& retention) {
    ordered_json json{{"age", format_duration(retention.age)}};
    if (retention.count) json["count"] = *retention.count;
    return json;
}

ordered_json scaling_json(const ScalingSpec& scaling) {
    ordered_json json{{"minReplicas", scaling.min_replicas},
                      {"maxReplicas", scaling.max_replicas},
                      {"targetWait", format_duration(scaling.target_wait)},
                      {"targetLag", scaling.target_lag},
                      {"idleAfter", format_duration(scaling.idle_after)}};
    for (const ScalingSchedule& schedule : scaling.schedules) {
        json["schedules"].push_back({{"start", schedule.start.text()},
                                     {"end", schedule.end.text()},
                                     {"timeZone", schedule.zone.name()},
                                     {"minReplicas", schedule.min_replicas}});
    }
    return json;
}

ordered_json spec_json(const JobQueue& queue) {
    ordered_json json{{"kafka", kafka_json(queue.kafka)}};
    if (!queue.worker_container.empty()) json["worker"]["container"] = queue.worker_container;
    if (!queue.worker_template_json.empty())
        json["worker"]["template"] = ordered_json::parse(queue.worker_template_json);
    if (!queue.target_ref_name.empty()) json["targetRef"]["name"] = queue.target_ref_name;
    json["delivery"] = delivery_json(queue.delivery);
    json["retry"] = retry_json(queue.retry);
    json["deadLetter"]["retention"] = format_duration(queue.dead_letter_retention);
    json["priorities"] = queue.priorities;
    json["retention"] = {{"completed", retention_json(queue.completed)}, {"failed", retention_json(queue.failed)}};
    for (const auto& [type, schema] : queue.schemas_json) json["schemas"][type] = ordered_json::parse(schema);
    json["scaling"] = scaling_json(queue.scaling);
    json["paused"] = queue.paused;
    json["events"] = queue.events;
    return json;
}

}  // namespace

std::string to_json(const JobQueue& queue) {
    const ordered_json json{{"apiVersion", "drover.dev/v1alpha1"},
                            {"kind", "JobQueue"},
                            {"metadata", metadata_json(queue)},
                            {"spec", spec_json(queue)}};
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace drover::jobqueue
