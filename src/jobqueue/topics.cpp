// The names that follow from a queue.
#include <algorithm>

#include "src/jobqueue/priorities.h"
#include "src/jobqueue/resource.h"

namespace drover::jobqueue {

Topics topics_of(const JobQueue& queue) {
    Topics topics;
    topics.main = queue.kafka.topic.empty() ? queue.ns + "." + queue.name : queue.kafka.topic;
    topics.dead_letters = topics.main + ".dlq";
    topics.control = topics.main + ".control";
    for (const std::string_view lane : lanes) {
        if (lane == normal_lane)
            topics.lanes.push_back({std::string(lane), topics.main});
        else if (std::ranges::find(queue.priorities, lane) != queue.priorities.end())
            topics.lanes.push_back({std::string(lane), topics.main + "." + std::string(lane)});
    }
    if (queue.delivery.ordering == Ordering::none) {
        for (const Duration step : retry_steps(queue.retry))
            topics.retries.push_back({retry_topic_name(topics.main, step), step});
    }
    return topics;
}

std::string retry_topic_name(const std::string& main, Duration step) {
    return main + ".retry." + format_duration(step);
}

const std::string& topic_for(const Topics& topics, std::string_view priority) {
    return topics.lanes.empty() ? topics.main : topics.lanes[lane_for(topics.lanes, priority)].topic;
}

std::string group_of(const JobQueue& queue) { return "drover." + queue.ns + "." + queue.name; }

std::string lane_group_of(const JobQueue& queue, std::string_view lane) {
    return lane == normal_lane ? group_of(queue) : group_of(queue) + "." + std::string(lane);
}

std::string retry_group_of(const JobQueue& queue) { return group_of(queue) + ".retry"; }

}  // namespace drover::jobqueue
