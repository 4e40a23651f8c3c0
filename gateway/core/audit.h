// Who did what through a gateway: records `audit/<id>` of drover.gateway. Pure. Room: gateway/core.
//
// Value: {"at", "who", "action", "queue", "job", "reason", "status", "gateway"}; ids are UUIDv7, so keys are in order.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/jobqueue/control.h"

namespace drover::gateway {

inline constexpr std::string_view audit_prefix = "audit/";
inline constexpr Duration audit_kept = std::chrono::hours(30 * 24);

struct AuditEntry {
    std::string id;
    Time at{};
    std::string who;     // the token's name
    std::string action;  // method and route: "POST /v1/queues/{queue}/pause"
    std::string queue, job, reason;
    int status = 0;  // of the answer
    std::string gateway;
    bool operator==(const AuditEntry&) const = default;
};

jobqueue::ControlMessage audit_record(const AuditEntry& entry);
// `invalid`: it is none.
Result<AuditEntry> parse_audit_record(std::string_view key, std::string_view value);
std::string audit_json(const AuditEntry& entry);

// The newest entries.
class AuditBook {
public:
    void apply(AuditEntry entry);
    void forget(std::string_view id);
    // Those of this age, whose records should go; they are forgotten.
    std::vector<std::string> take_expired(Time now);
    // Newest first, of queues that `sees` lets through, older than the entry `before` ("": all).
    template <class Sees>
    std::vector<AuditEntry> list(std::size_t limit, std::string_view before, Sees sees) const {
        std::vector<AuditEntry> found;
        auto at = before.empty() ? entries_.end() : entries_.lower_bound(before);
        while (at != entries_.begin() && found.size() < limit) {
            --at;
            if (sees(at->second)) found.push_back(at->second);
        }
        return found;
    }

private:
    static constexpr std::size_t most = 20'000;
    std::map<std::string, AuditEntry, std::less<>> entries_;  // by id
};

}  // namespace drover::gateway
