// What the topic drover.gateway says about a queue: the JobQueue as far as a gateway needs it. Pure. Room: jobqueue.
//
// Key: queue/<namespace>.<name>. Value: the resource as JSON, without its worker, labels, annotations, and how to reach
// Kafka, for that may be secret. Whoever runs the queue (operator, `drover run`) writes it when it changes, and a
// tombstone when the queue is deleted. The topic has one partition and is compacted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/jobqueue/control.h"
#include "src/jobqueue/resource.h"

namespace drover::jobqueue {

inline constexpr std::string_view queue_record_prefix = "queue/";

std::string qualified_name(const JobQueue& queue);  // <namespace>.<name>

// The same for two queues that a gateway does not tell apart.
ControlMessage queue_record(const JobQueue& queue);

// The queue of a value that queue_record() wrote, with an `invalid` Error for any other. Total.
Result<JobQueue> parse_queue_record(std::string_view value);

}  // namespace drover::jobqueue
