#include "src/jobqueue/queue_record.h"

namespace drover::jobqueue {

std::string qualified_name(const JobQueue& queue) { return queue.ns + "." + queue.name; }

ControlMessage queue_record(const JobQueue& queue) {
    JobQueue told = queue;
    told.labels.clear();
    told.generation = 0;
    told.worker_container.clear();
    told.worker_template_json.clear();
    told.target_ref_name.clear();
    told.kafka.bootstrap_servers.clear();
    told.kafka.auth_secret.clear();
    told.kafka.settings.clear();
    // Lets the parser do without the fields above.
    told.annotations = {{std::string(local_command_annotation), "none"}};
    return {std::string(queue_record_prefix) + qualified_name(queue), to_json(told)};
}

Result<JobQueue> parse_queue_record(std::string_view value) {
    ParsedQueues parsed = parse_queues(value, "");
    if (!parsed.problems.empty()) return failure(Error::Code::invalid, format_problem(parsed.problems.front()));
    if (parsed.queues.size() != 1) return failure(Error::Code::invalid, "it is not one JobQueue");
    JobQueue queue = std::move(parsed.queues.front());
    queue.annotations.clear();
    queue.source_line = 0;
    return queue;
}

}  // namespace drover::jobqueue
