#include "cli/queue_records.h"

#include <chrono>
#include <iostream>

#include "cli/record_writer.h"
#include "src/kafka/log_reader.h"

namespace drover::cli {
namespace {
constexpr std::chrono::seconds patience{15};  // somebody is waiting
}  // namespace

Result<letters::ControlLog> read_control(const QueueTarget& target, kafka::Admin& admin, Time now) {
    letters::ControlLog log(target.topics.dead_letters);
    const auto read =
        kafka::read_log(target.kafka, admin, {target.topics.control}, {.patience = patience, .group = target.group},
                        [&](const kafka::Record& record) { log.add(record.key(), record.value(), now); });
    if (!read) return tl::unexpected(read.error());
    if (const std::string complaint = log.complaint(); !complaint.empty()) std::cerr << "drover: " << complaint << '\n';
    return log;
}

Result<void> write_control(const QueueTarget& target, const std::vector<jobqueue::ControlRecord>& records) {
    auto writer = RecordWriter::create(target.kafka);
    if (!writer) return tl::unexpected(writer.error());
    Result<void> outcome;
    const auto take = [&] {
        for (const kafka::Delivery& delivery : (*writer)->wait_some()) {
            if (!delivery.outcome && outcome) outcome = tl::unexpected((*writer)->explained(delivery.outcome.error()));
        }
    };
    for (const jobqueue::ControlRecord& record : records) {
        const jobqueue::ControlMessage message = jobqueue::control_message(record);
        for (;;) {
            auto queued = (*writer)->produce(
                {.topic = target.topics.control, .key = message.key, .value = message.value, .headers = {}}, 0);
            if (queued) break;
            if (!queued.error().retryable) return queued;
            take();
        }
    }
    while ((*writer)->in_flight() > 0) take();
    return outcome;
}

Result<void> read_dead_letters(
    const QueueTarget& target, kafka::Admin& admin, const std::function<bool()>& stopped,
    const std::function<void(const letters::LetterRecord&, const letters::DeadLetter&)>& each) {
    std::vector<FieldView> fields;
    const kafka::LogReading reading{.patience = patience, .group = target.group, .from = {}, .stopped = stopped};
    return kafka::read_log(target.kafka, admin, {target.topics.dead_letters}, reading,
                           [&](const kafka::Record& record) {
                               record.headers(fields);
                               const letters::LetterRecord letter{.topic = record.topic(),
                                                                  .partition = record.partition(),
                                                                  .offset = record.offset(),
                                                                  .timestamp = record.timestamp(),
                                                                  .key = record.key(),
                                                                  .value = record.value(),
                                                                  .fields = fields};
                               each(letter, letters::read_dead_letter(letter));
                           });
}

}  // namespace drover::cli
