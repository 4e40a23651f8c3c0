// Bulk operations as the gateway's loop sees them: which there are, and which of them to run here. Room: gateway. Owner
// thread: the loop.
//
// A queue's operations are run by the gateway that owns the partition of drover.delayed to which the key bulk/<queue>
// would go: the scheduler's group shares these among gateways, and gives them to others when one ends. Where two think
// that they own it for a moment, the later one fences off the other (gateway/bulk/bulk_run.h).
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "gateway/bulk/bulk_runner.h"
#include "gateway/core/bulk_operation.h"

namespace drover::gateway {

struct GatewayState;

class BulkDesk {
public:
    // `state` outlives it.
    BulkDesk(GatewayState& state, JobViewSettings view);

    // A record of drover.gateway whose key begins with "bulk".
    void hear(std::string_view key, std::optional<std::string_view> value);
    // After them, and at least every half a second: starts what is to run here. Keys of records that should go.
    std::vector<std::string> look();

    // One that Kafka has, as long as its record has not been read.
    void add(const BulkOperation& operation);
    const BulkBook& book() const { return book_; }
    BulkRunner& runner() { return runner_; }
    // With what keeps it from going on, where it runs here.
    nlohmann::ordered_json json(const BulkOperation& operation) const;

private:
    bool is_ours(const BulkOperation& operation) const;
    bool can_run(const BulkOperation& operation);
    void give_up(BulkOperation operation, std::string trouble);

    GatewayState& state_;
    BulkBook book_;
    struct Pause {
        Time until{};
        std::string trouble;
    };
    std::map<std::string, Pause> pauses_;  // by <queue>/<id>
    BulkRunner runner_;
};

}  // namespace drover::gateway
