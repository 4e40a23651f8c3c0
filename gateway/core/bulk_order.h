// What a bulk operation is to do to which jobs. Pure. Room: gateway/core.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/job.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/letters/dead_letter.h"

namespace drover::gateway {

enum class BulkAction {
    retry,   // failed ones come again as their next run
    cancel,  // those that have not ended
    remove,  // of the view: those that have ended
};
std::string_view bulk_action_name(BulkAction action);  // "retry", "cancel", "delete"

// All that is given has to hold.
struct BulkFilter {
    JobFilter jobs;                       // its states are never empty: those that the action can be done to
    std::vector<std::string> ids;         // sorted; none: any
    std::optional<Time> finished_before;  // has ended before
};

struct BulkOrder {
    BulkAction action = BulkAction::retry;
    BulkFilter filter;
    std::optional<double> rate;  // jobs a second; above 0
    std::string edit;            // of retry: a JSON patch (RFC 6902) of each payload; "": none
    std::string reason;
    bool dry_run = false;
};

// {"action": "retry" ("redrive"), "cancel" or "delete", "filter": {"state","type","error","label","text","from",
// "before","ids","finishedBefore"}, "dryRun", "ratePerSecond", "edit", "reason"}. `state` is one or several, separated
// by commas. An `invalid` Error names what is wrong. Total.
Result<BulkOrder> parse_bulk_order(std::string_view queue, std::string_view body);

// {"grace": "24h", "state": "completed", "failed" or "cancelled", "reason"}: a delete of those that ended longer than
// `grace` before `now`. Missing or empty: 24 h, completed.
Result<BulkOrder> parse_clean_order(std::string_view queue, std::string_view body, Time now);
// The same as front ends of older systems have it: {"grace": milliseconds, "type": state}; waiting and the like are not
// cleaned.
Result<BulkOrder> parse_bull_clean_order(std::string_view queue, std::string_view body, Time now);
BulkOrder clean_order(std::string_view queue, JobState state, Time finished_before);

// {"reason","edit"} of one job's retry, or nothing.
struct RetryBody {
    std::string reason;
    std::string edit;  // as above
};
Result<RetryBody> parse_retry_body(std::string_view body);

// As the order's body has it.
nlohmann::ordered_json bulk_filter_json(const BulkFilter& filter);
Result<BulkFilter> parse_bulk_filter(std::string_view queue, BulkAction action, const nlohmann::ordered_json& json);

bool bulk_matches(const BulkFilter& filter, const Job& job);

// A failed job, as far as its dead letter tells.
Job job_of_letter(const letters::DeadLetter& letter, const std::string& topic, const std::string& queue);

}  // namespace drover::gateway
