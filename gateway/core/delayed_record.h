// Records of the topic drover.delayed: jobs that wait for their time, and what their partition's owner has to put in
// order with them. Pure. Room: gateway/core.
//
//   <job id>            value: the payload; headers: the job's, with drover-due-at, and drover-delayed-topic,
//                       drover-delayed-queue, drover-delayed-key (the ordering key; missing: null). A tombstone: it was
//                       dispatched or cancelled, in the transaction that did so.
//   cancel/<job id>     value: the command as JSON. In the job's partition. The owner takes it back when it has done
//   it. schedule-run/<queue>/<name>
//                       what a schedule's owner has seen to (schedule.h), in the partition of
//                       `schedule/<queue>/<name>`.
//   mark/<partition>    an owner's first word: whoever reads it has read what was there before. Says nothing else.
//
// The topic is compacted and has LogAppendTime, by which owners know the brokers' clock. The number of its partitions
// never changes: jobs and their cancels would part.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/core/job_order.h"
#include "src/base/field.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::gateway {

// Where murmur2_random, as Kafka's clients have it, puts a key.
int partition_of(std::string_view key, int partitions);

struct DelayedMessage {
    std::string key;
    std::optional<std::string> value;
    std::vector<Field> headers;
    std::optional<int> partition;  // nothing: by its key
    bool operator==(const DelayedMessage&) const = default;
};

// For a submit: `order.due` is set. `queue` is <namespace>.<name>. Produce it to jobqueue::delayed_topic; acknowledged
// it is as durable as a job in its own topic. The same one twice is one job, as long as it waits.
DelayedMessage delayed_message(const JobOrder& order, std::string_view queue);

// Whoever asks need not know whether the job still waits: one that was dispatched before is cancelled through its
// queue's control topic, by the owner.
struct DelayedCancel {
    std::string job_id;
    std::string control_topic;  // of its queue
    std::string by;
    std::string reason;
    Time at{};
    bool operator==(const DelayedCancel&) const = default;
};
DelayedMessage cancel_message(const DelayedCancel& cancel, int partitions);

namespace delayed {
// Borrowed from the record.
struct Waits {
    std::string_view job_id;
    std::string_view queue;
    std::string_view topic;
    Time due{};
};
struct Gone {
    std::string_view job_id;
};
struct Cancels {
    DelayedCancel cancel;
};
struct CancelDone {
    std::string_view job_id;
};
struct ScheduleState {
    std::string_view key;                   // with its prefix
    std::optional<std::string_view> value;  // nothing: forgotten
};
struct Mark {
    std::string_view token;
};
}  // namespace delayed
using DelayedRecord = std::variant<delayed::Waits, delayed::Gone, delayed::Cancels, delayed::CancelDone,
                                   delayed::ScheduleState, delayed::Mark>;

// `invalid` names what is wrong with the record; nobody waits for it then. Total.
Result<DelayedRecord> parse_delayed(std::optional<std::string_view> key, std::optional<std::string_view> value,
                                    std::span<const FieldView> headers);

// What the owner of the partition writes.
DelayedMessage cancel_done_message(std::string_view job_id, int partition);
DelayedMessage mark_message(int partition, std::string_view token);

// What becomes of a job that waits, as one text for a file: what dispatching it needs.
struct KeptJob {
    std::string job_id;
    std::string queue;
    std::string topic;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<Field> headers;  // of the job's own record: drover-due-at stays, the drover-delayed-… are gone
    bool operator==(const KeptJob&) const = default;
};
KeptJob kept_job(const delayed::Waits& waits, std::optional<std::string_view> value,
                 std::span<const FieldView> headers);
std::string pack(const KeptJob& job);
std::optional<KeptJob> unpack(std::string_view packed);  // nothing: it is not what pack() made

}  // namespace drover::gateway
