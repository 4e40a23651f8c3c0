#include "cli/queue_target.h"

#include <algorithm>

#include "cli/kafka_options.h"
#include "cli/queue_files.h"

namespace drover::cli {
namespace {

constexpr const char* default_bootstrap = "localhost:9092";

tl::unexpected<Error> wrong(std::string message) { return failure(Error::Code::invalid, std::move(message)); }

// A queue's own name has no dot, so "shop.email" is a namespace and a name.
std::string full_name(const QueueArguments& arguments, const std::string& queue) {
    if (queue.find('.') != std::string::npos) return queue;
    return (arguments.ns.empty() ? "default" : arguments.ns) + "." + queue;
}

Result<std::vector<jobqueue::JobQueue>> queues_of(const QueueArguments& arguments) {
    jobqueue::ParsedQueues parsed = read_queue_files(arguments.files);
    if (!parsed.problems.empty()) {
        print_problems(parsed.problems);
        return wrong("the files are not valid");
    }
    move_to_namespace(parsed.queues, arguments.ns);
    return std::move(parsed.queues);
}

Result<jobqueue::JobQueue> queue_named(const std::vector<jobqueue::JobQueue>& queues, const std::string& name) {
    if (name.empty() && queues.size() == 1) return queues.front();
    const auto found = std::ranges::find_if(queues, [&](const jobqueue::JobQueue& queue) {
        return queue.name == name || queue.ns + "." + queue.name == name;
    });
    if (found != queues.end()) return *found;
    std::string names;
    for (const auto& each : queues) names += (names.empty() ? "" : ", ") + each.name;
    if (name.empty()) return wrong("which queue? Give -q QUEUE; the files have " + names);
    return wrong("there is no queue '" + name + "' in the files; there are " + names);
}

}  // namespace

Result<QueueTarget> queue_target(const QueueArguments& arguments) {
    auto settings = kafka_settings(arguments.settings);
    if (!settings) return tl::unexpected(settings.error());
    QueueTarget target{.kafka = std::move(*settings)};
    if (!arguments.kafka.empty()) target.kafka["bootstrap.servers"] = arguments.kafka;
    jobqueue::JobQueue named;
    if (!arguments.topic.empty()) {
        named.kafka.topic = target.name = arguments.topic;
    } else if (!arguments.files.empty()) {
        const auto queues = queues_of(arguments);
        if (!queues) return tl::unexpected(queues.error());
        const auto queue = queue_named(*queues, arguments.queue);
        if (!queue) return tl::unexpected(queue.error());
        target.queue = *queue;
        target.name = queue->ns + "." + queue->name;
        if (!queue->kafka.bootstrap_servers.empty())
            target.kafka.emplace("bootstrap.servers", queue->kafka.bootstrap_servers);
        target.kafka.insert(queue->kafka.settings.begin(), queue->kafka.settings.end());
    } else if (!arguments.queue.empty()) {
        named.kafka.topic = target.name = full_name(arguments, arguments.queue);
    } else {
        return wrong("which queue? Give -q QUEUE or --topic TOPIC");
    }
    target.kafka.emplace("bootstrap.servers", default_bootstrap);
    target.topics = jobqueue::topics_of(target.queue ? *target.queue : named);
    target.group = target.queue ? jobqueue::group_of(*target.queue) : "drover." + target.topics.main;
    return target;
}

Result<void> check_topics(kafka::Admin& admin, const QueueTarget& target, const std::vector<std::string>& topics) {
    const auto found = admin.topics(topics);
    if (!found) return tl::unexpected(found.error());
    for (const std::string& topic : topics) {
        if (found->contains(topic)) continue;
        std::string message = "there is no topic ";
        message.append(topic).append(" at ").append(target.bootstrap());
        message += "; 'drover run' and the operator make the topics of their queues";
        if (topic == target.topics.main && !target.queue)
            message.append(". Is ")
                .append(target.name)
                .append(" the queue, and that its Kafka? -q takes NAME or NAMESPACE.NAME");
        return failure(Error::Code::not_found, std::move(message));
    }
    return {};
}

Result<std::unique_ptr<kafka::Admin>> reach(const QueueTarget& target, const std::vector<std::string>& topics) {
    auto admin = kafka::Admin::connect(target.kafka, std::chrono::seconds(10));
    if (!admin) {
        Error error = admin.error();
        error.message = "cannot ask Kafka at " + target.bootstrap() + ": " + error.message;
        return tl::unexpected(error);
    }
    if (auto checked = check_topics(**admin, target, topics); !checked) return tl::unexpected(checked.error());
    return admin;
}

}  // namespace drover::cli
