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
    std::vector<FieldView> fields;        // of the record
    jobqueue::JobHeaders headers;
    std::string id;
    Time handed_over_at{};
    jobqueue::Cause cause;  // of the dead letter that is being written

    jobqueue::Origin origin() const {
        return {record->topic(), record->partition(), record->offset(), record->timestamp()};
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
        jobs_[slot].record = std::move(record);
        return slot;
    }
    void release(Slot slot) {
        jobs_[slot].record.reset();
        free_.push_back(slot);
    }
    HeldJob& operator[](Slot slot) { return jobs_[slot]; }
    const HeldJob& operator[](Slot slot) const { return jobs_[slot]; }

private:
    std::vector<HeldJob> jobs_;
    std::vector<Slot> free_;
};

}  // namespace drover::sidecar
