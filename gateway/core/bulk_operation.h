// Bulk operations: what was asked for, how far each has come. Pure. Room: gateway/core.
//
// Records of drover.gateway:
//   bulk/<queue>/<id>           what was asked for, by whom and when. Written once.
//   bulk-progress/<queue>/<id>  how far it is, and where it goes on. Written by who runs it, in each batch's
//                               transaction: so it says exactly what was done.
//   bulk-run/<queue>/<id>       a runner's first word, {"token"}: what stands before it is all that was ever done.
//   bulk-abort/<queue>/<id>     {"by", "reason", "at"}: somebody wants it to end
// The last two go when the operation ends, the others 7 days later.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/bulk_order.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::gateway {

inline constexpr std::string_view bulk_prefix = "bulk/", bulk_progress_prefix = "bulk-progress/",
                                  bulk_run_prefix = "bulk-run/", bulk_abort_prefix = "bulk-abort/";
inline constexpr Duration bulk_kept = std::chrono::hours(7 * 24);

enum class BulkState { running, completed, aborted, failed };
std::string_view bulk_state_name(BulkState state);

// Of a completed operation done + skipped + failed = matched.
struct BulkCounts {
    std::int64_t matched = 0;  // jobs, when it began
    std::int64_t done = 0;
    std::int64_t skipped = 0;  // they had changed by then, or somebody else had done it
    std::int64_t failed = 0;   // it cannot be done to them; `trouble` is the last one's
    bool operator==(const BulkCounts&) const = default;
};

struct BulkOperation {
    std::string id, queue;
    BulkOrder order;
    std::string by;
    BulkState state = BulkState::running;
    BulkCounts counts;
    Time started_at{}, updated_at{};
    std::optional<Time> ended_at;
    std::string trouble;

    // Where it goes on.
    bool is_planned = false;           // `matched` and `ends` are known
    std::map<int, std::int64_t> ends;  // of retry: the dead-letter topic's, by partition, when it began
    std::map<int, std::int64_t> next;  // of retry: what is before these is settled
    std::string cursor;                // of the others: of the view's list; "": its beginning

    std::string name() const { return queue + "/" + id; }
};

// As the API answers it.
nlohmann::ordered_json bulk_json(const BulkOperation& operation);

struct BulkMessage {  // for drover.gateway
    std::string key;
    std::optional<std::string> value;
};
BulkMessage bulk_message(const BulkOperation& operation);  // as it was asked for
BulkMessage bulk_progress_message(const BulkOperation& operation);
BulkMessage bulk_run_message(const BulkOperation& operation, std::string_view token);
BulkMessage bulk_abort_message(const BulkOperation& operation, std::string_view by, std::string_view reason, Time at);
BulkMessage bulk_tombstone(std::string_view prefix, const BulkOperation& operation);
// `invalid`: it is none.
Result<BulkOperation> parse_bulk_record(std::string_view key, std::string_view value);
Result<void> parse_bulk_progress(std::string_view value, BulkOperation& operation);
// The token of bulk-run; "" of anything else.
std::string parse_bulk_run(std::string_view value);

// All that there are.
class BulkBook {
public:
    // A record whose key begins with bulk_prefix, bulk_progress_prefix or bulk_abort_prefix. `invalid`: it cannot be
    // understood, and what was known stays.
    Result<void> apply(std::string_view key, std::optional<std::string_view> value);

    const BulkOperation* find(std::string_view name) const;                    // <queue>/<id>
    std::vector<const BulkOperation*> of_queue(std::string_view queue) const;  // newest first
    std::vector<const BulkOperation*> running() const;
    bool is_to_abort(std::string_view name) const { return aborts_.contains(name); }
    // Names of those that ended so long ago, whose records should go; they are forgotten.
    std::vector<std::string> take_expired(Time now);

private:
    std::map<std::string, BulkOperation, std::less<>> operations_;
    std::map<std::string, bool, std::less<>> aborts_;
};

// How many jobs may be done when, of so many a second; evenly, at most a fifth of a second's at once.
class BulkPace {
public:
    BulkPace(std::optional<double> rate, Time now) : rate_(rate), at_(now) {}

    // At most `most`; 0: look again after wait().
    std::size_t allowed(Time now, std::size_t most);
    void took(std::size_t jobs) { tokens_ -= static_cast<double>(jobs); }
    Duration wait() const;  // until one more may be done, at the time of the last allowed()

private:
    std::optional<double> rate_;
    Time at_;
    double tokens_ = 1;
};

}  // namespace drover::gateway
