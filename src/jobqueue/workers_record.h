// What the topic drover.gateway says about a queue's workers: how many there are, why, and what is wrong with them.
// Pure. Room: jobqueue.
//
// Key: workers/<namespace>.<name>. Value: {"replicas", "ready", "min", "max", "reason", "message", "trouble": [{"what",
// "reason", "message"}]}. Whoever runs the queue (operator, `drover run`) writes it as things change, and a tombstone
// when the queue is deleted. When it was so is the record's timestamp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/control.h"

namespace drover::jobqueue {

inline constexpr std::string_view workers_record_prefix = "workers/";

// Something that people should look at.
struct WorkersTrouble {
    std::string what;  // a condition: WorkerUnreachable, KeyBlocked, …
    std::string reason;
    std::string message;
    bool operator==(const WorkersTrouble&) const = default;
};

struct WorkersRecord {
    int replicas = 0;  // as many as were decided
    int ready = 0;
    int min = 0, max = 0;
    std::string reason;   // of the decision, one CamelCase word
    std::string message;  // of the decision, a sentence with its figures
    std::vector<WorkersTrouble> trouble;
    bool operator==(const WorkersRecord&) const = default;
};

// How soon people want to hear of `after`: at once where the decision or the troubles are others; `soon`, where only
// figures are, but the messages; and not at all where nothing else changed.
enum class WorkersNews { none, soon, at_once };
WorkersNews news_of(const WorkersRecord& before, const WorkersRecord& after);

ControlMessage workers_record(std::string_view queue, const WorkersRecord& record);
// `invalid`: not one of workers_record(). Unknown fields are a later version's. Total.
Result<WorkersRecord> parse_workers_record(std::string_view value);

}  // namespace drover::jobqueue
