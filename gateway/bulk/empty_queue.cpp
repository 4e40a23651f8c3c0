#include "gateway/bulk/empty_queue.h"

#include <set>
#include <variant>

#include "gateway/core/delayed_record.h"
#include "src/jobqueue/control.h"
#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using redrive::WriteFault;

constexpr auto ask_patience = 10s;
constexpr auto patience = 20s;
constexpr std::size_t cancels_at_once = 1000;
constexpr int most_tries = 3;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

Result<std::vector<redrive::Record>> drops(kafka::Admin& admin, const KnownQueue& queue, const std::string& by,
                                           Time time) {
    std::vector<std::string> names;
    for (const auto& lane : queue.topics.lanes) names.push_back(lane.topic);
    for (const auto& retry : queue.topics.retries) names.push_back(retry.topic);
    const auto topics = admin.topics(names);
    if (!topics) return tl::unexpected(topics.error());
    std::vector<kafka::TopicPartition> partitions;
    for (const auto& [topic, count] : *topics) {
        for (int i = 0; i < count; ++i) partitions.push_back({topic, i});
    }
    const auto offsets = admin.offsets(partitions);
    if (!offsets) return tl::unexpected(offsets.error());
    std::vector<redrive::Record> records;
    for (const auto& [partition, range] : *offsets) {
        if (range.end <= range.start) continue;
        jobqueue::ControlMessage message = jobqueue::control_message(jobqueue::control::Drop{
            .topic = partition.topic, .partition = partition.partition, .below = range.end, .by = by, .at = time});
        records.push_back({queue.topics.control, std::move(message.key), std::move(message.value), {}});
    }
    return records;
}

// Ids of the queue's jobs that wait for their time.
Result<std::set<std::string>> delayed_jobs(BulkContext& context, kafka::Admin& admin, const KnownQueue& queue) {
    std::set<std::string> waiting;
    std::vector<FieldView> headers;
    const auto read =
        kafka::read_log(context.kafka, admin, {std::string(jobqueue::delayed_topic)},
                        {.patience = ask_patience, .group = "drover.gateway", .from = {}, .stopped = context.stopped()},
                        [&](const kafka::Record& record) {
                            record.headers(headers);
                            const auto parsed = parse_delayed(record.key(), record.value(), headers);
                            if (!parsed) return;
                            if (const auto* waits = std::get_if<delayed::Waits>(&*parsed)) {
                                if (waits->queue == queue.name) waiting.emplace(waits->job_id);
                            } else if (const auto* gone = std::get_if<delayed::Gone>(&*parsed)) {
                                waiting.erase(std::string(gone->job_id));
                            }
                        });
    if (!read) return tl::unexpected(read.error());
    return waiting;
}

Result<void> write(BulkContext& context, const KnownQueue& queue, const std::vector<redrive::Record>& records) {
    if (records.empty()) return {};
    Error last;
    for (int i = 0; i < most_tries && !context.stopping; ++i) {  // each of them may be said twice
        auto held = context.redrivers.hold_open(queue, patience);
        if (!held) return tl::unexpected(held.error());
        const auto written = (*held)->write(records, {});
        if (written) return {};
        last = written.error().error;
        if (written.error().fault == WriteFault::refused) break;
    }
    return tl::unexpected(last);
}

}  // namespace

Result<std::int64_t> empty_queue(BulkContext& context, const KnownQueue& queue, const std::string& by,
                                 const std::string& reason) {
    const auto admin = kafka::Admin::connect(context.kafka, ask_patience);
    if (!admin) return tl::unexpected(admin.error());
    const Time time = now();
    // First those that could come into a lane while the lanes are looked at.
    const auto waiting = delayed_jobs(context, **admin, queue);
    if (!waiting) return tl::unexpected(waiting.error());
    const std::string topic(jobqueue::delayed_topic);
    const auto counts = (*admin)->topics({topic});
    if (!counts) return tl::unexpected(counts.error());
    std::vector<redrive::Record> records;
    for (const std::string& id : *waiting) {
        DelayedMessage message = cancel_message(
            {.job_id = id, .control_topic = queue.topics.control, .by = by, .reason = reason, .at = time},
            counts->at(topic));
        records.push_back(
            {topic, std::move(message.key), std::move(message.value), std::move(message.headers), message.partition});
        if (records.size() < cancels_at_once) continue;
        if (Result<void> written = write(context, queue, records); !written) return tl::unexpected(written.error());
        records.clear();
    }
    auto last = drops(**admin, queue, by, time);
    if (!last) return tl::unexpected(last.error());
    records.insert(records.end(), std::make_move_iterator(last->begin()), std::make_move_iterator(last->end()));
    if (Result<void> written = write(context, queue, records); !written) return tl::unexpected(written.error());
    return static_cast<std::int64_t>(waiting->size());
}

}  // namespace drover::gateway
