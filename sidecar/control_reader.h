// Follows the queue's control topic: who pauses it, which jobs are cancelled, and below which offsets all are. Room:
// sidecar. Owner thread: the loop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/jobqueue/control.h"
#include "src/jobqueue/job.h"
#include "src/kafka/log_reader.h"

namespace drover::sidecar {

class ControlReader {
public:
    // `id` is a number of the fetcher's that nobody else uses.
    ControlReader(kafka::Fetcher& fetcher, std::string topic, kafka::Fetcher::Id id);

    bool reads(kafka::Fetcher::Id id) const { return log_.reads(id); }
    struct News {
        std::vector<jobqueue::ControlChange> changes;
        std::vector<jobqueue::control::Usage> usages;  // `at` is when the broker had it
    };
    // What is new. Called when the fetcher has something of it.
    News take(Time now);

    // Everything that was in the topic when the sidecar started has been read.
    bool caught_up() const { return log_.caught_up(); }
    bool paused() const { return state_.paused(); }
    bool is_cancelled(std::string_view job_id, Time now) const { return state_.is_cancelled(job_id, now); }
    // It stands below an offset from which on jobs count.
    bool is_dropped(const jobqueue::Origin& record) const {
        return record.offset < state_.dropped_below(record.topic, record.partition);
    }
    const std::string& trouble() const { return trouble_; }  // "" for none

private:
    kafka::LogReader log_;
    kafka::Fetcher::Id id_;
    jobqueue::ControlState state_;
    std::string topic_;
    std::string trouble_;
    std::vector<kafka::Record> records_;
};

}  // namespace drover::sidecar
