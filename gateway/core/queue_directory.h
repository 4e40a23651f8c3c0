// The queues that there are, as the topic drover.gateway tells of them (src/jobqueue/queue_record.h). Pure.
// Room: gateway/core.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/core/payload_schema.h"
#include "src/base/result.h"
#include "src/jobqueue/resource.h"

namespace drover::gateway {

struct KnownQueue {
    std::string name;  // <namespace>.<name>
    jobqueue::JobQueue queue;
    jobqueue::Topics topics;
    std::map<std::string, Result<PayloadSchema>, std::less<>> schemas;  // by job type
};

class QueueDirectory {
public:
    explicit QueueDirectory(std::string default_namespace) : default_namespace_(std::move(default_namespace)) {}

    // A record of drover.gateway whose key begins with queue_record_prefix; without a value the queue is gone.
    // `invalid`: it says nothing that can be understood, and what was known stays.
    Result<void> apply(std::string_view key, std::optional<std::string_view> value);

    // By <namespace>.<name>, or by the name in the default namespace. Null: there is none.
    std::shared_ptr<const KnownQueue> find(std::string_view name) const;
    const std::map<std::string, std::shared_ptr<const KnownQueue>, std::less<>>& all() const { return queues_; }

private:
    std::string default_namespace_;
    std::map<std::string, std::shared_ptr<const KnownQueue>, std::less<>> queues_;
};

}  // namespace drover::gateway
