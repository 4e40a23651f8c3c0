// The records of jobs that are not settled, by slot. Room: sidecar. Owner thread: the loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sidecar/core/delivery_engine.h"
#include "src/jobqueue/job.h"
#include "src/kafka/record.h"

namespace drover::sidecar {

struct HeldJob {
    std::optional<kafka::Record> record;  // nothing: the slot is free
    jobqueue::Origin origin;              // of the record, as the next: views into it
    std::vector<FieldView> fields;
    jobqueue::JobHeaders headers;
    std::string id;
    int attempt = 0;  // of the last hand-over
    int max_attempts = 0;
    Lease lease = 0;
    Time handed_over_at{};
    bool leased = false;                  // in hand without an exchange: pulled, or accepted
    std::optional<Duration> lease_lasts;  // where the app that pulled it said so
    std::optional<Outcome> said;          // its end, said by its lease before its request was answered
    std::uint32_t exchange = 0;           // of a batch
    std::string result, result_type;
    jobqueue::Cause cause;  // of the dead letter that is being written

    // Of what is being written about it.
    struct Writing {
        int open = 0;
        bool letter_is_safe = false, event_is_safe = false;
        bool has_letter = false;  // beside the event
        bool failed = false, too_large = false;
        void begin(bool with_letter) {  // what is safe stays so
            has_letter = with_letter;
            failed = too_large = false;
        }
    };
    Writing writing;

    // Again, where the record was detached.
    void look_at_record() {
        origin = {record->topic(), record->partition(), record->offset(), record->timestamp()};
        record->headers(fields);
    }
};

class RecordSlots {
public:
    Slot keep(kafka::Record record) {
        if (free_.empty()) {
            free_.push_back(static_cast<Slot>(jobs_.size()));
            jobs_.emplace_back();
        }
        const Slot slot = free_.back();
        free_.pop_back();
        HeldJob& job = jobs_[slot];
        job.record = std::move(record);
        job.look_at_record();
        job.writing = {};
        job.handed_over_at = {};
        job.leased = false;
        job.lease_lasts.reset();
        job.said.reset();
        job.result.clear();
        return slot;
    }
    void release(Slot slot) {
        jobs_[slot].record.reset();
        free_.push_back(slot);
    }
    // Those that stand below this offset.
    std::vector<Slot> below(std::string_view topic, int partition, std::int64_t offset) const {
        std::vector<Slot> found;
        for (Slot slot = 0; slot < jobs_.size(); ++slot) {
            const HeldJob& job = jobs_[slot];
            if (job.record && job.origin.partition == partition && job.origin.offset < offset &&
                job.origin.topic == topic)
                found.push_back(slot);
        }
        return found;
    }
    // Those of this id that are not settled.
    std::vector<Slot> find(std::string_view id) const {
        std::vector<Slot> found;
        for (Slot slot = 0; slot < jobs_.size(); ++slot) {
            if (jobs_[slot].record && jobs_[slot].id == id) found.push_back(slot);
        }
        return found;
    }
    HeldJob& operator[](Slot slot) { return jobs_[slot]; }
    const HeldJob& operator[](Slot slot) const { return jobs_[slot]; }

private:
    std::vector<HeldJob> jobs_;
    std::vector<Slot> free_;
};

}  // namespace drover::sidecar
