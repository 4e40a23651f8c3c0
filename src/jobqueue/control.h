// A queue's control topic, `<topic>.control`: who pauses it, which jobs are cancelled, and so on. Its records, and what
// they add up to. Pure. Room: jobqueue.
//
// The topic has one partition and is compacted: of each key the last record counts, and one without a value (a
// tombstone) takes back what the key said. Any Kafka client may write here. Values are JSON; unknown fields are
// ignored, so that a later version may add some; times are RFC 3339, in the broker's time.
//
//   pause/<source>   {"paused": true, "by", "reason", "at"}. A queue is paused while any source says so. Sources are
//                    cli, operator, gateway, and whatever else somebody chooses.
//   cancel/<job id>  {"by", "reason", "at", "expiresAt"}. Without expiresAt: 24 h after `at`. From then on it says
//                    nothing. Nobody writes a tombstone for that: where the job is cancelled anew in between, it would
//                    take back the new cancel.
//   drop/<topic>/<partition>
//                    {"below": offset, "by", "at"}. Jobs below that offset are finished without a hand-over.
//   usage/<pod>      {"partitions", "demand", "at"}: how pods share a rate. Stale after 3 s. A pod takes its own back
//                    when it ends.
//   redriven/<dead-letter topic>/<partition>/<offset>
//                    {"job", "run", "to", "by", "at"}. That dead letter was produced again, as this run of its job.
//   config           the part of the sidecar's configuration that changes without a restart, opaque here: hot_config.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::jobqueue {

inline constexpr Duration cancel_lasts = std::chrono::hours(24);
inline constexpr Duration usage_lasts = std::chrono::seconds(3);
inline constexpr std::string_view pause_source_cli = "cli";

// What a key says. A tombstone is the one whose first flag or number says that there is nothing; so is a pause that
// says so, but keeps who said it where `at` tells when.
namespace control {
struct Pause {
    std::string source;
    bool paused = true;
    std::string by;  // who, for people
    std::string reason;
    Time at{};
    bool operator==(const Pause&) const = default;
};
struct Cancel {
    std::string job_id;
    bool cancelled = true;
    std::string by;
    std::string reason;
    Time at{};
    Time expires_at{};
    bool operator==(const Cancel&) const = default;
};
struct Drop {
    std::string topic;
    int partition = 0;
    std::int64_t below = 0;  // 0: nothing is dropped
    std::string by;
    Time at{};
    bool operator==(const Drop&) const = default;
};
struct Usage {
    std::string pod;
    bool known = true;
    int partitions = 0;       // that it holds
    bool has_demand = false;  // jobs wait there
    Time at{};
    bool operator==(const Usage&) const = default;
};
struct Redriven {
    std::string topic;  // the dead letter's place
    int partition = 0;
    std::int64_t offset = 0;
    bool redriven = true;
    std::string job_id;
    int run = 0;     // the one that it was produced as
    std::string to;  // topic
    std::string by;
    Time at{};
    bool operator==(const Redriven&) const = default;
};
struct Config {
    std::string value;  // "": there is none
    bool operator==(const Config&) const = default;
};
}  // namespace control

using ControlRecord =
    std::variant<control::Pause, control::Cancel, control::Drop, control::Usage, control::Redriven, control::Config>;

// Total. What is not a record of this topic is an `invalid` Error that names its key; readers say so and skip it.
// Texts for people are cut to 1 KiB.
Result<ControlRecord> parse_control(std::optional<std::string_view> key, std::optional<std::string_view> value);

struct ControlMessage {
    std::string key;
    std::optional<std::string> value;  // nothing: a tombstone
    bool operator==(const ControlMessage&) const = default;
};
// What parse_control reads back. Times are cut to milliseconds.
ControlMessage control_message(const ControlRecord& record);

// What one record changed, for its reader to act on.
namespace control_change {
struct Paused {  // the queue as a whole, whoever paused it
    bool paused = false;
    bool operator==(const Paused&) const = default;
};
struct Cancelled {
    std::string job_id;
    bool operator==(const Cancelled&) const = default;
};
struct Restored {  // cancelled before, and not any more
    std::string job_id;
    bool operator==(const Restored&) const = default;
};
struct Dropped {
    std::string topic;
    int partition = 0;
    std::int64_t below = 0;
    bool operator==(const Dropped&) const = default;
};
struct Used {
    std::string pod;
    bool operator==(const Used&) const = default;
};
struct Configured {
    std::string value;  // "": there is none any more
    bool operator==(const Configured&) const = default;
};
}  // namespace control_change

using ControlChange = std::variant<control_change::Paused, control_change::Cancelled, control_change::Restored,
                                   control_change::Dropped, control_change::Used, control_change::Configured>;

// What the records so far add up to: the same whether compaction has removed the older ones or not. Holds what is in
// force, so expired cancels and stale usages go, and redriven dead letters, which no sidecar needs, are not kept.
class ControlState {
public:
    // `now`, here and below, never goes back.
    std::optional<ControlChange> apply(const ControlRecord& record, Time now);

    bool paused() const { return !pauses_.empty(); }
    std::vector<control::Pause> pause_sources() const;  // by source

    bool is_cancelled(std::string_view job_id, Time now) const;
    std::vector<control::Cancel> cancels(Time now) const;  // by job id

    std::int64_t dropped_below(std::string_view topic, int partition) const;  // 0 where nothing is

    std::vector<control::Usage> usages(Time now) const;  // by pod

    const std::string& config() const { return config_; }  // "" where there is none

private:
    std::optional<ControlChange> note(const control::Pause& pause);
    std::optional<ControlChange> note(const control::Cancel& cancel, Time now);
    std::optional<ControlChange> note(const control::Drop& drop);
    std::optional<ControlChange> note(const control::Usage& usage, Time now);
    std::optional<ControlChange> note(const control::Config& config);
    void forget_expired(Time now);

    using Place = std::pair<std::string, int>;  // topic, partition
    std::map<std::string, control::Pause, std::less<>> pauses_;
    std::map<std::string, control::Cancel, std::less<>> cancels_;
    std::set<std::pair<Time, std::string>> expiries_;  // of the cancels
    std::map<Place, std::int64_t> drops_;
    std::map<std::string, control::Usage, std::less<>> usages_;
    std::string config_;
};

}  // namespace drover::jobqueue
