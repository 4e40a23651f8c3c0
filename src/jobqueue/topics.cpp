// The names that follow from a queue.
#include "src/jobqueue/resource.h"

namespace drover::jobqueue {

Topics topics_of(const JobQueue& queue) {
    Topics topics;
    topics.main = queue.kafka.topic.empty() ? queue.ns + "." + queue.name : queue.kafka.topic;
    topics.dead_letters = topics.main + ".dlq";
    topics.control = topics.main + ".control";
    if (queue.delivery.ordering == Ordering::none) {
        for (const Duration step : retry_steps(queue.retry))
            topics.retries.push_back({topics.main + ".retry." + format_duration(step), step});
    }
    return topics;
}

std::string group_of(const JobQueue& queue) { return "drover." + queue.ns + "." + queue.name; }

std::string retry_group_of(const JobQueue& queue) { return group_of(queue) + ".retry"; }

}  // namespace drover::jobqueue
