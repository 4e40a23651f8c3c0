// The records of the queues as drover.gateway had them last, on the gateway's own disk: one that starts while Kafka is
// away takes jobs for the queues that it knew. Room: gateway.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "src/base/result.h"

namespace drover::gateway {

using QueueRecords = std::map<std::string, std::string, std::less<>>;  // by key

// Nothing where there is no file. `invalid`: it cannot be read, or is no such file.
Result<QueueRecords> read_queue_file(const std::filesystem::path& path);

// At once or not at all. `unavailable`: the disk does not take it.
Result<void> write_queue_file(const std::filesystem::path& path, const QueueRecords& records);

}  // namespace drover::gateway
