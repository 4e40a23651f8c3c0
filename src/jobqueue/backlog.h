// How many jobs of one partition are unfinished. Pure. Room: jobqueue.
#pragma once

#include <cstdint>
#include <optional>

namespace drover::jobqueue {

// What a broker and a group say about one partition, as they say it: negative numbers are Kafka's way of "unknown".
struct PartitionFigures {
    std::int64_t start = 0;  // the first offset that still exists
    std::int64_t end = 0;    // the next offset to be written, for transactional producers the last stable
    std::optional<std::int64_t> committed;  // the group's; none or negative (-1001) where it never committed
    std::int64_t finished_above = 0;        // finished offsets above the committed one, from the commit's metadata
};

// max(0, end − max(committed, start)) less what finished above: waiting jobs and those in flight. Without a commit it
// is all that exists; what retention deleted is no backlog. Total: any figures give a number from 0 to the records
// that can exist.
std::int64_t backlog_of(const PartitionFigures& figures);

}  // namespace drover::jobqueue
