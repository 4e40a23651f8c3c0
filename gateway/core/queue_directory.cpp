#include "gateway/core/queue_directory.h"

#include <algorithm>

#include "src/jobqueue/queue_record.h"

namespace drover::gateway {

Result<void> QueueDirectory::apply(std::string_view key, std::optional<std::string_view> value) {
    const std::string name(key.substr(std::min(key.size(), jobqueue::queue_record_prefix.size())));
    if (!value) {
        queues_.erase(name);
        return {};
    }
    Result<jobqueue::JobQueue> queue = jobqueue::parse_queue_record(*value);
    if (!queue) return tl::unexpected(queue.error());
    if (jobqueue::qualified_name(*queue) != name) {
        return failure(Error::Code::invalid, "it tells of another queue, " + jobqueue::qualified_name(*queue));
    }
    auto known = std::make_shared<KnownQueue>();
    known->name = name;
    known->topics = jobqueue::topics_of(*queue);
    for (const auto& [type, schema] : queue->schemas_json) known->schemas.emplace(type, PayloadSchema::compile(schema));
    known->queue = std::move(*queue);
    queues_[name] = std::move(known);
    return {};
}

std::shared_ptr<const KnownQueue> QueueDirectory::find(std::string_view name) const {
    auto found = queues_.find(name);
    if (found == queues_.end()) found = queues_.find(default_namespace_ + "." + std::string(name));
    return found == queues_.end() ? nullptr : found->second;
}

}  // namespace drover::gateway
