// How much there is to do in a queue, added up over its partitions. Pure. Room: jobqueue.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace drover::jobqueue {

// Since the queue began, summed over partitions. A sum that shrinks (metadata lost, topic made anew) starts again.
struct BusyCounters {
    std::int64_t busy_us = 0;      // time that finished jobs kept slots busy, microseconds
    std::int64_t completions = 0;  // how many jobs that was

    bool operator==(const BusyCounters&) const = default;
};

struct QueueFigures {
    int partitions = 0;           // of the main topic; 0: it is not there
    std::int64_t unfinished = 0;  // all jobs that are neither completed nor dead-lettered
    std::int64_t retrying = 0;    // of these, in retry topics
    std::int64_t backlog = 0;     // `unfinished` without the retries that are not due
    std::int64_t retries_due_soon = 0;
    std::int64_t end_offsets = 0;
    BusyCounters busy;
    bool paused = false;                                    // by somebody in the control topic
    std::optional<std::int64_t> dead_letters;               // nothing where nobody looked
    std::map<std::string, std::int64_t> retrying_by_topic;  // of the retry topics that are there

    bool operator==(const QueueFigures&) const = default;
};

}  // namespace drover::jobqueue
