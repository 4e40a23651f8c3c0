// What the sidecar writes to Kafka about its jobs: retries and dead letters, and, where the queue has events, what
// happens to each job. Room: sidecar. Owner thread: the loop.
//
// The engine waits for a job's end to be written: a dead letter and its event, a completed or cancelled job's event.
// Whatever else is told about jobs is best effort: where Kafka does not take it, it is left out.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/delivery_engine.h"
#include "sidecar/core/progress_gate.h"
#include "sidecar/record_slots.h"
#include "sidecar/stats.h"
#include "src/jobqueue/control.h"
#include "src/jobqueue/lifecycle_event.h"
#include "src/jobqueue/sidecar_config.h"
#include "src/kafka/producer.h"

namespace drover::sidecar {

class Letters {
public:
    // All of them outlive it. Events go by a producer of their own: they may wait for others, retries may not.
    Letters(const jobqueue::SidecarConfig& config, RecordSlots& slots, kafka::Producer& producer,
            kafka::Producer& event_producer, Stats& stats);

    // A Written or WriteFailed of the slot follows: from delivered(), or at once in `events`.
    void write(const action::WriteRetry& retry, Time now, std::vector<Event>& events);
    void write(const action::WriteDeadLetter& letter, Time now, std::vector<Event>& events);
    void write(const action::WriteEvent& event, Time now, std::vector<Event>& events);

    // That a job has begun is told a little later, of those that the app has in hand still: of others, their end says
    // it.
    void tell_started(Slot slot, Time now);
    void tell_late_starts(const std::function<bool(Lease)>& is_in_hand, Time now);
    std::optional<Time> next_late_start() const;
    void tell_retrying(Slot slot, int attempts_made, Time due_at, const jobqueue::Cause& cause, Time now);
    void tell_progress(Slot slot, const ProgressReport& report, Time now);
    void tell_logs(Slot slot, std::string_view level, const ProgressGate::Logs& logs, Time now);
    void tell_control(const jobqueue::ControlMessage& message);  // in the control topic

    // True where the delivery was of one of ours.
    bool delivered(const kafka::Delivery& delivery, std::vector<Event>& events);

    // Why what became of a job could not be written the last time; "" when it could.
    const std::string& trouble() const { return trouble_; }

private:
    bool tells_events() const { return !config_.events_topic.empty(); }
    jobqueue::LifecycleEvent event_of(const HeldJob& job, jobqueue::JobEvent state, Time now) const;
    void produce(kafka::Producer& producer, Slot slot, std::uint64_t kind, const kafka::Message& message);
    void produce_event(Slot slot, const jobqueue::LifecycleEvent& event);
    void failed(Slot slot, std::uint64_t kind, const Error& error);
    void tell(Slot slot, const jobqueue::LifecycleEvent& event);
    void finish(Slot slot, std::vector<Event>& events);
    void tell_start_first(Slot slot);

    const jobqueue::SidecarConfig& config_;
    RecordSlots& slots_;
    kafka::Producer& producer_;
    kafka::Producer& event_producer_;
    Stats& stats_;
    std::string queue_;  // <namespace>.<name>
    std::string event_;  // buffer
    struct Start {
        Time due{};
        Lease lease = 0;
    };
    std::deque<Start> starts_;  // not told yet, oldest first
    std::string trouble_;
};

}  // namespace drover::sidecar
