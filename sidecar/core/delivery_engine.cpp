#include "sidecar/core/delivery_engine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using Verdict = Outcome::Verdict;
using How = action::Settled::How;

constexpr Duration first_probe_backoff = 20ms, longest_probe_backoff = 250ms;
constexpr Duration first_write_backoff = 100ms, longest_write_backoff = 5s;
constexpr std::size_t most_taken_at_once = 32;
// A member that is given no partition of a lane hears nothing of it.
constexpr Duration longest_look_into_lanes = 3s;
// A pod without jobs lends its share of the rate. Not at once: one that gets a job now and then would keep taking it
// back.
constexpr Duration keeps_wanting_rate = 500ms;
// Jobs of a high rate go together: one by one, each would be a wake-up. The rate's bucket holds 100 ms.
constexpr Duration rate_slice = 1ms;
// Fetching stops at three quarters of what the map has room for; attempts and counters take at most a quarter.
constexpr std::size_t map_bytes_limit = jobqueue::max_commit_metadata_bytes / 4 * 3 * 3 / 4 * 3 / 4;

[[noreturn]] void broken(const char* what) {
    std::fprintf(stderr, "delivery engine: %s\n", what);
    std::abort();
}

std::uint32_t handovers_of(Lease lease) { return static_cast<std::uint32_t>(lease >> 32); }
Lease lease_of(Slot slot, std::uint32_t handovers) { return static_cast<Lease>(handovers) << 32 | slot; }

// Each lane gets twice what the next one gets, where one below has waited long.
std::vector<int> lane_weights(std::size_t lanes) {
    std::vector<int> weights;
    for (std::size_t lane = 0; lane < lanes; ++lane) weights.push_back(1 << (lanes - 1 - lane));
    return weights;
}

Duration backoff(Duration first, Duration longest, int failures) {
    return std::min(longest, first * (std::int64_t{1} << std::clamp(failures - 1, 0, 20)));
}

// What a due time says in milliseconds must not lie before it.
Time whole_millis(Time time) { return std::chrono::ceil<std::chrono::milliseconds>(time); }

}  // namespace

DeliveryEngine::Partition::Partition(const event::Assigned& assigned)
    : tracker(assigned.committed, assigned.metadata.finished),
      retry_step(assigned.retry_step),
      lane(assigned.lane),
      busy_micros(assigned.metadata.busy_micros),
      completions(assigned.metadata.completions) {
    for (const auto& [offset, made, due_at] : assigned.metadata.attempts) retries[offset] = {made, due_at};
}

DeliveryEngine::DeliveryEngine(EngineConfig config, std::uint64_t seed)
    : config_(std::move(config)),
      random_state_(seed),
      ready_(lane_weights(config_.lanes)),
      lanes_known_(config_.lanes <= 1),
      allowed_(config_.concurrency),
      worker_(config_.pulled ? Worker::reachable : Worker::unknown),
      paused_(config_.paused) {
    if (config_.rate_limit) queue_rate_.emplace(*config_.rate_limit);
    if (config_.key_rate_limit) key_rates_.emplace(*config_.key_rate_limit);
}

std::span<Action> DeliveryEngine::step(Event event, Time now) {
    now_ = std::max(now_, now);
    actions_.clear();
    std::visit([this](auto& happened) { on(happened); }, event);
    wake_due_jobs();
    abort_expired();
    probe_worker();
    share_rate();
    hand_over();
    commit_dirty();
    finish_revokes();
    finish_drain();
    return actions_;
}

std::optional<Time> DeliveryEngine::next_wakeup() const {
    Time at = Time::max();
    if (!delayed_.empty()) at = std::min(at, delayed_.begin()->at);
    if (in_flight_ > 0) at = std::min(at, next_expiry_);
    if (worker_ == Worker::unreachable && !draining_) at = std::min(at, probe_at_);
    if (dirty_ > 0) at = std::min(at, next_commit_);
    if (rate_free_at_) at = std::min(at, *rate_free_at_);
    if (queue_rate_) at = std::min(at, queue_rate_->report_at().value_or(at));
    if (ready_.size() > 0 && !lanes_known_) at = std::min(at, lanes_known_at_);
    if (const Time due = batch_due_at(); due > now_) at = std::min(at, due);  // else it waits for an event
    if (at == Time::max()) return std::nullopt;
    return at;
}

std::size_t DeliveryEngine::room(AssignmentId assignment) const {
    if (!has_room()) return 0;
    const auto found = partitions_.find(assignment);
    if (found == partitions_.end() || found->second.revoking) return 0;
    const Partition& partition = found->second;
    if (is_full(partition)) return 0;
    const std::size_t ready = ready_.size(partition.lane);
    if (ready >= ready_limit()) return 0;
    return std::min({ready_limit() - ready, config_.held_jobs - partition.held_jobs, most_taken_at_once});
}

bool DeliveryEngine::has_room() const {
    if (draining_) return false;
    for (std::size_t lane = 0; lane < config_.lanes; ++lane) {
        if (ready_.size(lane) < ready_limit()) return true;
    }
    return false;
}

std::optional<DeliveryEngine::Standing> DeliveryEngine::standing(Lease lease) const {
    const Slot slot = slot_of(lease);
    if (slot >= jobs_.size()) return std::nullopt;
    const Job& job = jobs_[slot];
    if (job.state != State::in_flight || job.handovers != handovers_of(lease) || job.aborted) return std::nullopt;
    const Partition* partition = partition_of(job);
    if (partition == nullptr) return std::nullopt;
    return Standing{slot, job.expires_at, is_leaving(*partition)};
}

std::optional<BlockedKey> DeliveryEngine::blocked_key() const {
    if (config_.ordering == jobqueue::Ordering::none) return std::nullopt;
    std::optional<BlockedKey> blocked;
    for (const auto& [id, partition] : partitions_) {
        if (!is_full(partition)) continue;
        for (const auto& [key, sequence] : partition.sequences) {
            const Job& first = jobs_[sequence.jobs.front()];
            const std::size_t waiting = sequence.jobs.size() - 1;
            const bool moves = first.write_failures == 0 && !partition.retries.contains(first.offset);
            if (moves || (blocked && blocked->waiting >= waiting)) continue;
            blocked = BlockedKey{id, sequence.jobs.front(), waiting};
        }
    }
    return blocked;
}

// --- events

void DeliveryEngine::on(event::Assigned& assigned) {
    if (!partitions_.try_emplace(assigned.assignment, assigned).second) broken("an assignment's number came twice");
    if (!lanes_known_) lanes_known_at_ = std::min(lanes_known_at_, now_ + longest_look_into_lanes);
}

void DeliveryEngine::on(event::Revoking& revoking) {
    const auto found = partitions_.find(revoking.assignment);
    if (found == partitions_.end() || found->second.revoking) return;
    found->second.revoking = true;
    ++revoking_;
    drop_waiting(revoking.assignment);
    hurry(revoking.assignment);
}

void DeliveryEngine::on(event::Lost& lost) {
    const auto found = partitions_.find(lost.assignment);
    if (found == partitions_.end()) return;
    drop_waiting(lost.assignment);
    for (Slot slot = 0; slot < jobs_.size(); ++slot) {
        const Job& job = jobs_[slot];
        if (job.assignment != lost.assignment) continue;
        if (job.state == State::in_flight && !job.aborted) abort(slot);
        if (job.state == State::write_waits) {
            delayed_.erase(sleeper(slot));
            settle(slot, How::dropped);
        }
    }
    if (found->second.dirty) --dirty_;
    if (found->second.revoking) --revoking_;
    partitions_.erase(found);
}

void DeliveryEngine::on(event::Arrived& arrived) {
    if (arrived.slot >= jobs_.size()) jobs_.resize(arrived.slot + 1);
    Job& job = jobs_[arrived.slot];
    if (job.state != State::free) broken("a record arrived in a slot that is in use");

    const auto found = partitions_.find(arrived.assignment);
    if (found == partitions_.end() || is_leaving(found->second)) {
        actions_.emplace_back(action::Settled{arrived.slot, How::dropped});
        return;
    }
    Partition& partition = found->second;
    partition.seen = true;
    const std::int64_t committable = partition.tracker.committable();
    const OffsetTracker::Receipt receipt = partition.tracker.received(arrived.offset);
    if (partition.tracker.committable() != committable) mark_dirty(partition);
    const bool was_seen = arrived.fingerprint && !partition.window.add(*arrived.fingerprint);
    if (receipt != OffsetTracker::Receipt::fresh || was_seen) {
        if (receipt == OffsetTracker::Receipt::fresh && partition.tracker.finish(arrived.offset)) mark_dirty(partition);
        actions_.emplace_back(action::Settled{arrived.slot, How::repeated});
        return;
    }

    job = Job{.state = State::free,
              .assignment = arrived.assignment,
              .offset = arrived.offset,
              .bytes = arrived.bytes,
              .lane = arrived.lane.value_or(partition.lane),
              .key = arrived.key,
              .handovers = job.handovers,
              .attempts_made = std::max(arrived.attempts_made, 0),
              .own_max_attempts = arrived.max_attempts,
              .own_timeout = arrived.timeout,
              .due_at = arrived.due_at.value_or(Time{}),
              .appended_at = arrived.appended_at,
              .deadline = arrived.deadline};
    if (const auto retry = partition.retries.find(arrived.offset); retry != partition.retries.end()) {
        job.attempts_made = std::max(job.attempts_made, retry->second.attempts_made);
        job.due_at = std::max(job.due_at, retry->second.due_at);
    }
    ++partition.unsettled;
    enter(arrived.slot, State::parked);
    if (arrived.cancelled) return end(arrived.slot, true);
    if (arrived.unfit) return bury(arrived.slot, std::move(*arrived.unfit), false);
    if (config_.ordering == jobqueue::Ordering::partition) job.sequence = 0;
    if (config_.ordering == jobqueue::Ordering::key) job.sequence = arrived.key;
    if (job.sequence) {
        auto& waiting = partition.sequences[*job.sequence].jobs;
        waiting.push_back(arrived.slot);
        if (waiting.size() > 1) return detach(arrived.slot);
    }
    offer(arrived.slot);
}

void DeliveryEngine::on(event::Finished& finished) {
    const auto found = partitions_.find(finished.assignment);
    if (found != partitions_.end()) found->second.window.add(finished.fingerprint);
}

void DeliveryEngine::on(event::ReachedEnd& end) {
    const auto found = partitions_.find(end.assignment);
    if (found == partitions_.end()) return;
    found->second.seen = true;
    OffsetTracker& tracker = found->second.tracker;
    const std::int64_t committable = tracker.committable();
    tracker.reached_end(end.offset);
    if (tracker.committable() != committable) mark_dirty(found->second);
}

void DeliveryEngine::on(event::Answered& answered) {
    Job* const answered_for = leased_out(answered.lease);
    if (answered_for == nullptr) return;
    Job& job = *answered_for;
    const Slot slot = slot_of(answered.lease);

    const Duration busy = now_ - job.handed_over_at;
    job.busy += busy;
    Outcome& outcome = answered.outcome;
    Partition* partition = partition_of(job);
    if (partition == nullptr) return settle(slot, How::dropped);
    if (outcome.verdict == Verdict::not_delivered) {
        worker_is_unreachable();
        return give_back(slot);
    }
    if (outcome.verdict == Verdict::aborted && !job.aborted) return give_back(slot);
    if (outcome.verdict == Verdict::aborted && job.leave_by && now_ >= *job.leave_by) return settle(slot, How::dropped);

    probe_backoff_ = Duration{0};
    partition->busy_micros += static_cast<std::uint64_t>(busy.count());
    ++partition->completions;
    if (outcome.verdict == Verdict::done || outcome.verdict == Verdict::dead) {  // the app keeps up
        allowed_ = std::min<double>(config_.concurrency, allowed_ + 1 / allowed_);
    }
    if (outcome.verdict == Verdict::done) return end(slot, false);
    if (job.cancelled) return end(slot, true);
    if (outcome.overloaded && job.handed_over_at >= lowered_at_) {  // once for all that were in flight together
        allowed_ = std::max(1.0, allowed_ / 2);
        lowered_at_ = now_;
    }
    if (outcome.verdict == Verdict::aborted) {
        const bool at_deadline = job.deadline && now_ >= *job.deadline;
        const auto waited = std::chrono::round<std::chrono::milliseconds>(now_ - job.handed_over_at);
        outcome = {.verdict = Verdict::retry,
                   .cause = {.error_class = at_deadline ? "DeadlineExceeded" : "Timeout",
                             .message = "no answer within " + std::to_string(waited.count()) + " ms"}};
    }
    if (outcome.verdict == Verdict::dead) {
        ++job.attempts_made;
        return bury(slot, std::move(outcome.cause), true);
    }
    fail(slot, std::move(outcome));
}

void DeliveryEngine::on(event::Accepted& accepted) {
    Job* const job = leased_out(accepted.lease);
    if (job == nullptr || job->aborted) return;
    job->leased = true;
    expire(*job, now_ + job->timeout);
    const Partition* partition = partition_of(*job);
    if (partition != nullptr && is_leaving(*partition)) hurry(job->assignment);
}

void DeliveryEngine::on(event::Renewed& renewed) {
    Job* const job = leased_out(renewed.lease);
    if (job == nullptr || job->aborted) return;
    const Partition* partition = partition_of(*job);
    // One that is not leased has its timeout, and for longer than that it may not stay either.
    if (partition != nullptr && is_leaving(*partition) && !job->leave_by) {
        job->leave_by = std::max(job->expires_at, now_ + config_.max_drain);
    }
    expire(*job, now_ + renewed.lasts.value_or(job->timeout));
}

void DeliveryEngine::on(event::Cancelled& cancelled) {
    if (cancelled.slot >= jobs_.size()) return;
    Job& job = jobs_[cancelled.slot];
    switch (job.state) {
        case State::in_flight:
            job.cancelled = true;
            if (!job.aborted) abort(cancelled.slot);
            return;
        case State::limited:
        case State::delayed: delayed_.erase(sleeper(cancelled.slot)); return end(cancelled.slot, true);
        case State::ready:
            ready_.drop_if([&](Slot slot) { return slot == cancelled.slot; });
            return end(cancelled.slot, true);
        case State::parked: return end(cancelled.slot, true);
        case State::free:
        case State::writing:
        case State::write_waits: return;  // its letter is on its way: who reads that will find it cancelled
    }
}

void DeliveryEngine::on(event::Demanded& demanded) { demanded_ = demanded.jobs; }

void DeliveryEngine::on(event::UsageHeard& heard) {
    if (queue_rate_) queue_rate_->heard(heard.pod, heard.report, heard.at, now_);
}

void DeliveryEngine::on(event::Written& written) {
    if (written.slot >= jobs_.size()) return;
    Job& job = jobs_[written.slot];
    if (job.state != State::writing) return;
    if (partition_of(job) == nullptr) return settle(written.slot, How::dropped);
    if (const auto* event = std::get_if<action::WriteEvent>(&job.letter)) {
        return settle(written.slot, event->cancelled ? How::cancelled : How::completed);
    }
    const auto* retried = std::get_if<action::WriteRetry>(&job.letter);
    if (retried == nullptr) return settle(written.slot, How::dead_lettered);
    settle(written.slot, retried->why == action::WriteRetry::Why::failed ? How::retried : How::moved);
}

void DeliveryEngine::on(event::WriteFailed& failed) {
    if (failed.slot >= jobs_.size()) return;
    Job& job = jobs_[failed.slot];
    if (job.state != State::writing) return;
    if (partition_of(job) == nullptr) return settle(failed.slot, How::dropped);
    if (failed.too_large) {
        if (const auto* retry = std::get_if<action::WriteRetry>(&job.letter)) {
            return bury(failed.slot,
                        {.error_class = "RetryTooLarge",
                         .message = "the retry topic takes no record of this size: " + retry->cause.message},
                        retry->why != action::WriteRetry::Why::not_due);
        }
        if (auto* event = std::get_if<action::WriteEvent>(&job.letter); event != nullptr && !event->without_result) {
            event->without_result = true;
            return write(failed.slot, *event);
        }
        auto* letter = std::get_if<action::WriteDeadLetter>(&job.letter);
        if (letter != nullptr && !letter->without_payload) {
            letter->without_payload = true;
            return write(failed.slot, std::move(*letter));
        }
    }
    ++job.write_failures;
    delay(failed.slot, State::write_waits,
          now_ + backoff(first_write_backoff, longest_write_backoff, job.write_failures));
}

void DeliveryEngine::on(event::Committed& committed) {
    const auto found = partitions_.find(committed.assignment);
    if (found == partitions_.end()) return;
    Partition& partition = found->second;
    partition.committing = false;
    if (!committed.ok) {
        partition.commit_at = now_ + config_.commit_interval;
        mark_dirty(partition);
    }
}

void DeliveryEngine::on(event::WorkerProbed& probed) {
    if (worker_ != Worker::probing) return;
    if (probed.reachable) {
        worker_ = Worker::reachable;
    } else {
        worker_is_unreachable();
    }
}

void DeliveryEngine::on(event::Paused& paused) { paused_ = paused.paused; }

void DeliveryEngine::on(event::Reconfigured& changed) {
    // An app that is overloaded gets more only as it keeps up.
    const bool keeps_up = allowed_ >= config_.concurrency;
    allowed_ = keeps_up ? changed.concurrency : std::min<double>(allowed_, changed.concurrency);
    config_.concurrency = changed.concurrency;
    config_.retry = std::move(changed.retry);
    config_.batch_max_size = changed.batch_max_size;
    config_.batch_max_wait = changed.batch_max_wait;
    config_.timeout = changed.timeout;
    limit(changed.rate_limit, changed.key_rate_limit);
}

void DeliveryEngine::limit(const std::optional<jobqueue::Rate>& rate, const std::optional<jobqueue::Rate>& key_rate) {
    if (!rate) {
        queue_rate_.reset();
    } else if (!queue_rate_) {
        queue_rate_.emplace(*rate);
    } else if (rate != config_.rate_limit) {
        queue_rate_->set_rate(*rate, now_);
    }
    config_.rate_limit = rate;

    if (key_rate == config_.key_rate_limit) return;
    config_.key_rate_limit = key_rate;
    if (!key_rate) {
        key_rates_.reset();
    } else if (!key_rates_) {
        key_rates_.emplace(*key_rate);
    } else {
        key_rates_->set_rate(*key_rate, now_);
    }
    for (auto& [id, partition] : partitions_) partition.moved_until.clear();
    std::vector<Slot> limited;
    for (const Sleeper& each : delayed_) {
        if (jobs_[each.slot].state == State::limited) limited.push_back(each.slot);
    }
    for (const Slot slot : limited) {
        delayed_.erase(sleeper(slot));
        offer(slot);
    }
}

void DeliveryEngine::on(event::Drain&) {
    if (draining_) return;
    draining_ = true;
    for (const auto& [id, partition] : partitions_) {
        drop_waiting(id);
        hurry(id);
    }
}

// --- what happens to a job

bool DeliveryEngine::retries_in_place() const { return stays_in_order() || config_.retry_steps.empty(); }

DeliveryEngine::Partition* DeliveryEngine::partition_of(const Job& job) {
    const auto found = partitions_.find(job.assignment);
    return found == partitions_.end() ? nullptr : &found->second;
}

const DeliveryEngine::Partition* DeliveryEngine::partition_of(const Job& job) const {
    const auto found = partitions_.find(job.assignment);
    return found == partitions_.end() ? nullptr : &found->second;
}

DeliveryEngine::Job* DeliveryEngine::leased_out(Lease lease) {
    const Slot slot = slot_of(lease);
    if (slot >= jobs_.size()) return nullptr;
    Job& job = jobs_[slot];
    return job.state == State::in_flight && job.handovers == handovers_of(lease) ? &job : nullptr;
}

int DeliveryEngine::max_attempts_of(const Job& job) const {
    return std::max(job.own_max_attempts.value_or(config_.retry.max_attempts), 1);
}

// One partition that stands still must not take the others' memory.
std::size_t DeliveryEngine::held_share() const {
    return std::max<std::size_t>(config_.held_bytes / std::max<std::size_t>(partitions_.size(), 1), 1);
}

bool DeliveryEngine::is_full(const Partition& partition) const {
    return partition.held_jobs >= config_.held_jobs || partition.held_bytes >= held_share() ||
           partition.tracker.map_bytes_bound() > map_bytes_limit;
}

// Enough to fill every slot again in one turn; what is not taken stays with the fetcher.
std::size_t DeliveryEngine::ready_limit() const {
    return std::max<std::size_t>(2 * static_cast<std::size_t>(config_.concurrency), 16);
}

void DeliveryEngine::enter(Slot slot, State state) {
    Job& job = jobs_[slot];
    // What is being written is held too: while Kafka takes no letters, memory must not fill with them.
    const auto held = [](State s) { return s != State::free && s != State::in_flight; };
    const auto written = [](State s) { return s == State::writing || s == State::write_waits; };
    const int held_by = static_cast<int>(held(state)) - static_cast<int>(held(job.state));
    if (held_by != 0) {
        held_jobs_ += static_cast<std::size_t>(held_by);
        if (Partition* partition = partition_of(job)) {
            partition->held_jobs += static_cast<std::size_t>(held_by);
            partition->held_bytes += held_by > 0 ? job.bytes : -job.bytes;
        }
    }
    if (state == State::in_flight) ++in_flight_;
    if (job.state == State::in_flight) {
        --in_flight_;
        if (const auto batch = exchanges_.find(job.exchange); batch != exchanges_.end() && --batch->second == 0) {
            exchanges_.erase(batch);
        }
    }
    writing_ += static_cast<std::size_t>(static_cast<int>(written(state)) - static_cast<int>(written(job.state)));
    job.state = state;
}

void DeliveryEngine::offer(Slot slot) {
    Job& job = jobs_[slot];
    if (is_exhausted(job)) {
        return bury(slot,
                    {.error_class = "AttemptsExhausted",
                     .message = std::to_string(job.attempts_made) + " of " + std::to_string(max_attempts_of(job)) +
                                " attempts were made before"},
                    false);
    }
    if (job.deadline && *job.deadline <= std::max(now_, job.due_at)) {
        return bury(slot,
                    {.error_class = "DeadlineExceeded",
                     .message = "the deadline " + format_rfc3339(*job.deadline) + " passed before this try"},
                    false);
    }
    if (job.due_at > now_) {
        Time look_at = job.due_at;
        if (!retries_in_place()) {
            const Duration step = partition_of(job)->retry_step;
            if (job.due_at - job.appended_at > 2 * step) look_at = job.appended_at + step;
        }
        if (look_at > now_) return delay(slot, State::delayed, look_at);
        return write(slot, action::WriteRetry{slot,
                                              step_for(job.due_at - now_),
                                              job.attempts_made,
                                              job.due_at,
                                              {},
                                              action::WriteRetry::Why::not_due});
    }
    enter(slot, State::ready);
    ready_.push_back(job.lane, slot, now_);
}

void DeliveryEngine::delay(Slot slot, State state, Time until) {
    enter(slot, state);
    jobs_[slot].wake_at = until;
    delayed_.insert(sleeper(slot));
    detach(slot);
}

void DeliveryEngine::detach(Slot slot) {
    if (std::exchange(jobs_[slot].detached, true)) return;
    actions_.emplace_back(action::Detach{slot});
}

// The app cannot have seen it: first in line again.
void DeliveryEngine::give_back(Slot slot) {
    if (is_leaving(*partition_of(jobs_[slot]))) return settle(slot, How::dropped);
    if (jobs_[slot].cancelled) return end(slot, true);
    enter(slot, State::ready);
    ready_.push_front(jobs_[slot].lane, slot, now_);
}

void DeliveryEngine::end(Slot slot, bool cancelled) {
    if (config_.terminal_events) return write(slot, action::WriteEvent{slot, cancelled});
    settle(slot, cancelled ? How::cancelled : How::completed);
}

void DeliveryEngine::fail(Slot slot, Outcome&& outcome) {
    Job& job = jobs_[slot];
    if (outcome.costs_attempt) ++job.attempts_made;
    if (is_exhausted(job)) return bury(slot, std::move(outcome.cause), true);

    const Duration wait = outcome.wait ? *outcome.wait : retry_delay(config_.retry, job.attempts_made, random_unit());
    job.due_at = whole_millis(now_ + wait);
    if (job.deadline && *job.deadline <= job.due_at) {
        outcome.cause.message = "no try is left before the deadline " + format_rfc3339(*job.deadline) +
                                "; the last error: " + outcome.cause.error_class + ": " + outcome.cause.message;
        outcome.cause.error_class = "DeadlineExceeded";
        return bury(slot, std::move(outcome.cause), true);
    }
    if (!retries_in_place()) {
        return write(slot,
                     action::WriteRetry{
                         slot, step_for(wait), job.attempts_made, job.due_at, std::move(outcome.cause),
                         outcome.costs_attempt ? action::WriteRetry::Why::failed : action::WriteRetry::Why::held_back});
    }
    Partition& partition = *partition_of(job);
    partition.retries[job.offset] = {job.attempts_made, job.due_at};
    mark_dirty(partition);
    if (outcome.costs_attempt) {
        actions_.emplace_back(action::RetryInPlace{slot, job.attempts_made, job.due_at, std::move(outcome.cause)});
    }
    if (is_leaving(partition)) return settle(slot, How::dropped);  // the next owner goes on from what the commit tells
    delay(slot, State::delayed, job.due_at);
}

void DeliveryEngine::bury(Slot slot, jobqueue::Cause&& cause, bool tried) {
    write(slot, action::WriteDeadLetter{slot, jobs_[slot].attempts_made, std::move(cause), tried});
}

void DeliveryEngine::write(Slot slot, Letter letter) {
    enter(slot, State::writing);
    jobs_[slot].letter = std::move(letter);
    std::visit(
        [this](const auto& kept) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(kept)>, std::monostate>) actions_.emplace_back(kept);
        },
        jobs_[slot].letter);
}

void DeliveryEngine::settle(Slot slot, How how) {
    Job& job = jobs_[slot];
    Partition* partition = partition_of(job);
    if (partition != nullptr) {
        if (how != How::dropped) {
            if (!partition->tracker.finish(job.offset)) broken("a job was finished twice");
            partition->retries.erase(job.offset);
            mark_dirty(*partition);
        }
        --partition->unsettled;
    }
    enter(slot, State::free);
    actions_.emplace_back(action::Settled{slot, how, job.busy});
    if (partition != nullptr && job.sequence) next_in_sequence(*partition, slot);
}

void DeliveryEngine::next_in_sequence(Partition& partition, Slot slot) {
    const auto sequence = partition.sequences.find(*jobs_[slot].sequence);
    if (sequence == partition.sequences.end()) return;  // dropped by a revoke
    auto& jobs = sequence->second.jobs;
    const bool had_its_turn = jobs.front() == slot;  // else it was cancelled
    std::erase(jobs, slot);
    if (jobs.empty()) {
        partition.sequences.erase(sequence);
    } else if (had_its_turn && jobs_[jobs.front()].state == State::parked) {
        offer(jobs.front());
    }
}

// Jobs that nobody has in hand: their next owner fetches them again.
void DeliveryEngine::drop_waiting(AssignmentId assignment) {
    Partition& partition = partitions_.at(assignment);
    partition.sequences.clear();
    ready_.drop_if([&](Slot slot) { return jobs_[slot].assignment == assignment; });
    for (Slot slot = 0; slot < jobs_.size(); ++slot) {
        const Job& job = jobs_[slot];
        if (job.assignment != assignment) continue;
        const bool sleeps = job.state == State::delayed || job.state == State::limited;
        if (sleeps) delayed_.erase(sleeper(slot));
        if (sleeps || job.state == State::parked || job.state == State::ready) {
            settle(slot, How::dropped);
        }
    }
}

void DeliveryEngine::mark_dirty(Partition& partition) {
    if (!partition.dirty) ++dirty_;
    partition.dirty = true;
}

void DeliveryEngine::worker_is_unreachable() {
    if (worker_ == Worker::unreachable) return;
    worker_ = Worker::unreachable;
    probe_backoff_ = std::clamp(2 * probe_backoff_, first_probe_backoff, longest_probe_backoff);
    probe_at_ = now_ + probe_backoff_;
}

// The shortest step that covers the wait, or the longest there is.
std::size_t DeliveryEngine::step_for(Duration wait) const {
    const auto step = std::ranges::lower_bound(config_.retry_steps, wait);
    return static_cast<std::size_t>(std::min(step, config_.retry_steps.end() - 1) - config_.retry_steps.begin());
}

// SplitMix64.
double DeliveryEngine::random_unit() {
    std::uint64_t z = random_state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

// --- what every step ends with

void DeliveryEngine::wake_due_jobs() {
    while (!delayed_.empty() && delayed_.begin()->at <= now_) {
        const Slot slot = delayed_.begin()->slot;
        delayed_.erase(delayed_.begin());
        if (jobs_[slot].state != State::write_waits) {
            offer(slot);
        } else {
            write(slot, std::move(jobs_[slot].letter));
        }
    }
}

void DeliveryEngine::abort(Slot slot) {
    jobs_[slot].aborted = true;
    actions_.emplace_back(action::Abort{lease_of(slot, jobs_[slot].handovers)});
}

void DeliveryEngine::expire(Job& job, Time at) {
    job.expires_at = std::min({at, job.deadline.value_or(at), job.leave_by.value_or(at)});
    next_expiry_ = std::min(next_expiry_, job.expires_at);
}

// Leased jobs could take as long as their leases are renewed: another pod gets them instead, at no cost.
void DeliveryEngine::hurry(AssignmentId assignment) {
    for (Job& job : jobs_) {
        if (job.assignment != assignment || job.state != State::in_flight || !job.leased || job.leave_by) continue;
        job.leave_by = now_ + config_.max_drain;
        expire(job, job.expires_at);
    }
}

void DeliveryEngine::abort_expired() {
    if (in_flight_ == 0) next_expiry_ = Time::max();
    if (now_ < next_expiry_) return;
    next_expiry_ = Time::max();
    for (Slot slot = 0; slot < jobs_.size(); ++slot) {
        const Job& job = jobs_[slot];
        if (job.state != State::in_flight || job.aborted) continue;
        if (job.expires_at <= now_) {
            abort(slot);
        } else {
            next_expiry_ = std::min(next_expiry_, job.expires_at);
        }
    }
}

void DeliveryEngine::probe_worker() {
    if (draining_) return;
    if (worker_ == Worker::unknown || (worker_ == Worker::unreachable && now_ >= probe_at_)) {
        worker_ = Worker::probing;
        actions_.emplace_back(action::Probe{});
    }
}

void DeliveryEngine::share_rate() {
    rate_free_at_.reset();
    if (!queue_rate_) return;
    const auto mine =
        std::ranges::count_if(partitions_, [](const auto& entry) { return entry.second.retry_step == Duration{0}; });
    queue_rate_->set_partitions(static_cast<int>(mine), std::max(config_.all_partitions, static_cast<int>(mine)), now_);
    if (ready_.size() > 0 && !paused_ && !draining_) wants_rate_until_ = now_ + keeps_wanting_rate;
    queue_rate_->demand(now_ < wants_rate_until_, now_);
    if (const auto report = queue_rate_->report_due(now_)) actions_.emplace_back(action::ReportUsage{*report});
}

// True: it waits until its key may have another one. Other keys pass meanwhile, so where many jobs of one key wait,
// those that come now are put off to a retry step, each to its own time.
bool DeliveryEngine::is_held_by_key_limit(Slot slot) {
    const Job& job = jobs_[slot];
    if (!key_rates_ || !job.key) return false;
    const Time free = key_rates_->next_at(*job.key, now_);
    if (free <= now_) return false;
    Partition& partition = *partition_of(job);
    if (retries_in_place() || partition.held_jobs < config_.held_jobs / 2) {
        delay(slot, State::limited, free);
        return true;
    }
    std::erase_if(partition.moved_until, [this](const auto& entry) { return entry.second <= now_; });
    Time& due = partition.moved_until[*job.key];
    due = whole_millis(std::max(free, due + config_.key_rate_limit->per / config_.key_rate_limit->max));
    write(slot, action::WriteRetry{
                    slot, step_for(due - now_), job.attempts_made, due, {}, action::WriteRetry::Why::held_back});
    return true;
}

bool DeliveryEngine::may_hand_over() {
    if (!lanes_known_) {  // else the first one that is read goes first, whatever its lane
        std::vector<bool> known(config_.lanes, false);
        bool all = true;
        for (const auto& [id, partition] : partitions_) {
            if (partition.retry_step == Duration{0} && partition.lane < known.size()) known[partition.lane] = true;
            all = all && (partition.seen || partition.retry_step > Duration{0});
        }
        lanes_known_ = now_ >= lanes_known_at_ || (all && std::ranges::all_of(known, std::identity()));
    }
    return lanes_known_ && !draining_ && !paused_ && worker_ == Worker::reachable;
}

// When it is worth sending at the latest: at once when it is full.
Time DeliveryEngine::batch_due_at() const {
    const std::optional<Time> since = ready_.oldest_since();
    if (!since) return Time::max();
    return ready_.size() >= static_cast<std::size_t>(config_.batch_max_size) ? now_ : *since + config_.batch_max_wait;
}

void DeliveryEngine::hand_over() {
    if (ready_.size() == 0 || !may_hand_over()) return;
    const bool batches = config_.batch_max_size > 1 && !config_.pulled;
    const auto allowed = static_cast<std::size_t>(allowed_);
    Exchange batch = 0;
    int in_batch = 0;
    while (ready_.size() > 0) {
        if (config_.pulled && demanded_ == 0) return;
        if (in_batch == 0 && (batches ? exchanges_.size() : in_flight_) >= allowed) return;
        if (batches && in_batch == 0 && batch_due_at() > now_) return;
        if (queue_rate_) {
            const Time free_at = queue_rate_->next_at(now_).value_or(Time::max());
            if (free_at > now_) {
                rate_free_at_ = std::max(free_at, now_ + rate_slice);
                return;
            }
        }
        const Slot slot = *ready_.pop(now_);
        Job& job = jobs_[slot];
        if ((job.deadline && *job.deadline <= now_) || is_exhausted(job)) {
            offer(slot);
            continue;
        }
        if (is_held_by_key_limit(slot)) continue;
        if (queue_rate_ && !queue_rate_->take(now_)) {
            ready_.push_front(job.lane, slot, now_);
            rate_free_at_ = queue_rate_->next_at(now_).value_or(Time::max());
            return;
        }
        if (key_rates_ && job.key) key_rates_->take(*job.key, now_);
        if (batches) {
            if (in_batch == 0) batch = last_exchange_ = std::max<Exchange>(last_exchange_ + 1, 1);
            ++exchanges_[batch];
            if (++in_batch == config_.batch_max_size) in_batch = 0;
        }
        if (config_.pulled) --demanded_;
        enter(slot, State::in_flight);
        ++job.handovers;
        job.exchange = batch;
        job.leased = config_.pulled;
        job.aborted = false;
        job.leave_by.reset();
        job.handed_over_at = now_;
        job.timeout = std::min(job.own_timeout.value_or(config_.timeout), config_.timeout);
        expire(job, now_ + job.timeout);
        actions_.emplace_back(
            action::HandOver{slot, lease_of(slot, job.handovers), job.attempts_made + 1, max_attempts_of(job), batch});
    }
}

void DeliveryEngine::commit(AssignmentId assignment, Partition& partition) {
    partition.dirty = false;
    --dirty_;
    partition.committing = true;
    jobqueue::CommitMetadata metadata{.finished = partition.tracker.finished_above(),
                                      .busy_micros = partition.busy_micros,
                                      .completions = partition.completions};
    for (const auto& [offset, retry] : partition.retries) {
        if (offset < partition.tracker.committable()) continue;
        metadata.attempts.push_back({offset, retry.attempts_made, retry.due_at});
    }
    actions_.emplace_back(action::Commit{assignment, partition.tracker.committable(), std::move(metadata)});
}

void DeliveryEngine::commit_dirty() {
    const bool idle = draining_ && in_flight_ == 0 && writing_ == 0;
    if (dirty_ == 0 || (now_ < next_commit_ && !idle)) return;
    next_commit_ = now_ + config_.commit_interval;
    for (auto& [id, partition] : partitions_) {
        if (partition.dirty && !partition.committing && now_ >= partition.commit_at) commit(id, partition);
    }
}

void DeliveryEngine::finish_revokes() {
    if (revoking_ == 0) return;
    for (auto it = partitions_.begin(); it != partitions_.end();) {
        auto& [id, partition] = *it;
        if (!partition.revoking || partition.unsettled > 0 || partition.committing) {
            ++it;
        } else if (partition.dirty) {
            if (now_ >= partition.commit_at) commit(id, partition);
            ++it;
        } else {
            actions_.emplace_back(action::Release{id});
            --revoking_;
            it = partitions_.erase(it);
        }
    }
}

void DeliveryEngine::finish_drain() {
    if (!draining_ || drained_ || in_flight_ > 0 || writing_ > 0 || dirty_ > 0) return;
    if (std::ranges::any_of(partitions_, [](const auto& entry) { return entry.second.committing; })) return;
    drained_ = true;
    actions_.emplace_back(action::Drained{});
}

}  // namespace drover::sidecar
