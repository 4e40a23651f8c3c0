#include "sidecar/letters.h"

#include <algorithm>

#include "src/telemetry/log.h"

namespace drover::sidecar {
namespace {

using jobqueue::JobEvent;
using jobqueue::LifecycleEvent;
using namespace std::chrono_literals;

// In a producer's token, above the slot: what it was.
constexpr std::uint64_t letter_flag = std::uint64_t{1} << 60;  // a retry or a dead letter
constexpr std::uint64_t event_flag = std::uint64_t{1} << 61;   // an event that the engine waits for
constexpr std::uint64_t told_flag = std::uint64_t{1} << 62;    // one that nobody waits for

constexpr Duration told_after = 100ms, told_together = 50ms;  // starts

constexpr std::size_t max_result_bytes = 128 * 1024;
constexpr std::size_t max_labels_bytes = 4 * 1024;  // more are left out: an event must fit into its topic

constexpr std::size_t max_callback_bytes = 2 * 1024;

// Of an attempt that is over: when it began follows from it.
void add_busy(const HeldJob& job, LifecycleEvent& event) {
    if (job.handed_over_at != Time{}) event.busy = event.at - job.handed_over_at;
}

void add_cause(const jobqueue::Cause& cause, LifecycleEvent& event) {
    event.error_class = cause.error_class;
    event.error_status = cause.status;
    event.error_message = cause.message;
}

// "" where there is none; of a repeated name the first.
std::string_view field_of(const HeldJob& job, std::string_view name) {
    const auto field = std::ranges::find(job.fields, name, &FieldView::name);
    return field == job.fields.end() ? std::string_view() : field->value;
}

}  // namespace

Letters::Letters(const jobqueue::SidecarConfig& config, RecordSlots& slots, kafka::Producer& producer,
                 kafka::Producer& event_producer, Stats& stats)
    : config_(config),
      slots_(slots),
      producer_(producer),
      event_producer_(event_producer),
      stats_(stats),
      queue_(config.ns + "." + config.queue) {}

void Letters::write(const action::WriteRetry& retry, Time now, std::vector<Event>& events) {
    HeldJob& job = slots_[retry.slot];
    const bool tried = retry.why == action::WriteRetry::Why::failed;
    const jobqueue::AttemptRecord attempt{retry.attempts_made, now, config_.pod, retry.cause.error_class};
    const auto headers = jobqueue::retry_headers(job.fields, job.headers, job.origin, job.id, retry.attempts_made,
                                                 retry.due_at, retry.cause, tried ? &attempt : nullptr);
    job.writing = {};
    produce(producer_, retry.slot, letter_flag,
            {.topic = config_.retry_topics[retry.step].topic,
             .key = job.record->key(),
             .value = job.record->value(),
             .headers = headers});
    if (tried) tell_retrying(retry.slot, retry.attempts_made, retry.due_at, retry.cause, now);
    finish(retry.slot, events);
}

void Letters::write(const action::WriteDeadLetter& letter, Time now, std::vector<Event>& events) {
    HeldJob& job = slots_[letter.slot];
    job.cause = letter.cause;
    job.writing.begin(true);
    if (!job.writing.letter_is_safe) {
        const jobqueue::AttemptRecord attempt{letter.attempts_made, now, config_.pod, letter.cause.error_class};
        // Too large even for that topic: the coordinates and the cause, without what the user sent.
        const std::span<const FieldView> fields = letter.without_payload ? std::span<const FieldView>() : job.fields;
        auto headers =
            jobqueue::dead_letter_headers(fields, job.headers, job.origin, job.id, config_.group, letter.attempts_made,
                                          now, letter.cause, letter.tried ? &attempt : nullptr);
        if (letter.without_payload) headers.push_back({std::string(jobqueue::header::payload_left_out), "true"});
        produce(producer_, letter.slot, letter_flag,
                {.topic = config_.dead_letter_topic,
                 .key = letter.without_payload ? std::nullopt : job.record->key(),
                 .value = letter.without_payload ? std::nullopt : job.record->value(),
                 .headers = headers});
    }
    if (tells_events() && !job.writing.event_is_safe) {
        LifecycleEvent event = event_of(job, JobEvent::failed, now);
        if (letter.tried) add_busy(job, event);
        event.attempt = letter.attempts_made;
        add_cause(letter.cause, event);
        produce_event(letter.slot, event);
    }
    finish(letter.slot, events);
}

void Letters::write(const action::WriteEvent& ended, Time now, std::vector<Event>& events) {
    HeldJob& job = slots_[ended.slot];
    job.writing.begin(false);
    LifecycleEvent event = event_of(job, ended.cancelled ? JobEvent::cancelled : JobEvent::completed, now);
    add_busy(job, event);
    if (!ended.cancelled) {
        event.content_type = job.result_type;
        if (ended.without_result || job.result.size() > max_result_bytes) {
            event.result_left_out = job.result.size();
        } else {
            event.result = job.result;
        }
    }
    produce_event(ended.slot, event);
    finish(ended.slot, events);
}

void Letters::tell_started(Slot slot, Time now) {
    if (!tells_events()) return;
    const Time due = now + told_after;
    starts_.push_back({due + told_together - due.time_since_epoch() % told_together, slots_[slot].lease});
}

void Letters::tell_late_starts(const std::function<bool(Lease)>& is_in_hand, Time now) {
    for (; !starts_.empty() && starts_.front().due <= now; starts_.pop_front()) {
        const Lease lease = starts_.front().lease;
        if (!is_in_hand(lease)) continue;
        const HeldJob& job = slots_[slot_of(lease)];
        tell(slot_of(lease), event_of(job, JobEvent::started, job.handed_over_at));
    }
}

// Of a job of which something else is to be told.
void Letters::tell_start_first(Slot slot) {
    const HeldJob& job = slots_[slot];
    const auto start = std::ranges::find(starts_, job.lease, &Start::lease);
    if (start == starts_.end()) return;
    starts_.erase(start);
    tell(slot, event_of(job, JobEvent::started, job.handed_over_at));
}

std::optional<Time> Letters::next_late_start() const {
    if (starts_.empty()) return std::nullopt;
    return starts_.front().due;
}

void Letters::tell_retrying(Slot slot, int attempts_made, Time due_at, const jobqueue::Cause& cause, Time now) {
    if (!tells_events()) return;
    LifecycleEvent event = event_of(slots_[slot], JobEvent::retrying, now);
    add_busy(slots_[slot], event);
    event.attempt = attempts_made;
    event.due_at = due_at;
    add_cause(cause, event);
    tell(slot, event);
}

void Letters::tell_progress(Slot slot, const ProgressReport& report, Time now) {
    if (!tells_events()) return;
    tell_start_first(slot);
    LifecycleEvent event = event_of(slots_[slot], JobEvent::progressed, now);
    event.percent = report.percent;
    event.step = report.step;
    event.message = report.message;
    event.result = report.result;
    tell(slot, event);
}

void Letters::tell_logs(Slot slot, std::string_view level, const ProgressGate::Logs& logs, Time now) {
    if (!tells_events() || (logs.lines.empty() && logs.left_out == 0)) return;
    tell_start_first(slot);
    std::string lines;
    for (const std::string& line : logs.lines) lines += (lines.empty() ? "" : "\n") + line;
    LifecycleEvent event = event_of(slots_[slot], JobEvent::log, now);
    event.level = level;
    event.message = lines;
    event.lines_left_out = logs.left_out;
    tell(slot, event);
}

void Letters::tell_control(const jobqueue::ControlMessage& message) {
    const auto value = message.value ? std::optional<std::string_view>(*message.value) : std::nullopt;
    const Result<void> queued = producer_.produce(
        {.topic = config_.control_topic, .key = message.key, .value = value, .headers = {}}, told_flag);
    if (!queued) ++stats_.events_left_out;
}

bool Letters::delivered(const kafka::Delivery& delivery, std::vector<Event>& events) {
    if ((delivery.token & told_flag) != 0) {
        if (!delivery.outcome) ++stats_.events_left_out;
        return true;
    }
    if ((delivery.token & (letter_flag | event_flag)) == 0) return false;
    const Slot slot = static_cast<Slot>(delivery.token);
    HeldJob::Writing& writing = slots_[slot].writing;
    --writing.open;
    if (delivery.outcome) {
        ((delivery.token & letter_flag) != 0 ? writing.letter_is_safe : writing.event_is_safe) = true;
        trouble_.clear();
    } else {
        failed(slot, delivery.token & (letter_flag | event_flag), delivery.outcome.error());
    }
    finish(slot, events);
    return true;
}

LifecycleEvent Letters::event_of(const HeldJob& job, JobEvent state, Time now) const {
    const jobqueue::Origin place = job.headers.original ? *job.headers.original : job.origin;
    LifecycleEvent event{.queue = queue_,
                         .job_id = job.id,
                         .type = job.headers.type,
                         .state = state,
                         .run = job.headers.run,
                         .attempt = job.attempt,
                         .max_attempts = job.max_attempts,
                         .at = now,
                         .pod = config_.pod,
                         .submitted_at = job.headers.submitted_at.value_or(place.timestamp),
                         .topic = place.topic,
                         .partition = place.partition,
                         .offset = place.offset};
    const std::string_view labels = field_of(job, jobqueue::header::labels);
    if (labels.size() <= max_labels_bytes) event.labels = labels;
    const bool is_end = state == JobEvent::failed || state == JobEvent::completed || state == JobEvent::cancelled;
    const std::string_view callback = field_of(job, jobqueue::header::callback);
    if (is_end && callback.size() <= max_callback_bytes) event.callback = callback;
    return event;
}

void Letters::produce(kafka::Producer& producer, Slot slot, std::uint64_t kind, const kafka::Message& message) {
    const Result<void> queued = producer.produce(message, kind | slot);
    if (queued) {
        ++slots_[slot].writing.open;
    } else {
        failed(slot, kind, queued.error());
    }
}

void Letters::failed(Slot slot, std::uint64_t kind, const Error& error) {
    ++stats_.write_failures;
    HeldJob& job = slots_[slot];
    job.writing.failed = true;
    // A letter loses its payload where it is too large itself, and not for its event.
    if (kind == letter_flag || !job.writing.has_letter) job.writing.too_large |= error.code == Error::Code::too_large;
    trouble_ = error.message;
    log::error("what became of a job is not written, trying again", {{"job", job.id}, {"error", trouble_}});
}

void Letters::produce_event(Slot slot, const LifecycleEvent& event) {
    jobqueue::write_lifecycle_event(event, max_result_bytes, event_);
    produce(event_producer_, slot, event_flag,
            {.topic = config_.events_topic, .key = event.job_id, .value = event_, .headers = {}});
}

void Letters::tell(Slot slot, const LifecycleEvent& event) {
    jobqueue::write_lifecycle_event(event, max_result_bytes, event_);
    const Result<void> queued = event_producer_.produce(
        {.topic = config_.events_topic, .key = event.job_id, .value = event_, .headers = {}}, told_flag | slot);
    if (!queued) ++stats_.events_left_out;
}

void Letters::finish(Slot slot, std::vector<Event>& events) {
    HeldJob::Writing& writing = slots_[slot].writing;
    if (writing.open > 0) return;
    if (writing.failed) {
        events.emplace_back(event::WriteFailed{slot, writing.too_large});
    } else {
        events.emplace_back(event::Written{slot});
    }
}

}  // namespace drover::sidecar
