// The sidecar, as far as the app talks to it about the jobs that it has in hand.
#include <algorithm>
#include <charconv>

#include "sidecar/sidecar.h"
#include "src/jobqueue/hot_config.h"
#include "src/telemetry/log.h"

namespace drover::sidecar {
namespace {

constexpr std::size_t most_cancelled_leases = 1000;

Error gone(std::string_view job_id) {
    return {.code = Error::Code::conflict,
            .message = "job " + std::string(job_id) +
                       " is not in hand by this lease: it has ended, its time was over, or somebody else has it now"};
}

// What stands behind the incarnation's dash.
std::optional<Lease> parse_lease(std::string_view text, std::string_view incarnation) {
    if (!text.starts_with(incarnation) || text.size() <= incarnation.size() + 1) return std::nullopt;
    text.remove_prefix(incarnation.size() + 1);
    Lease lease = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lease, 16);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return lease;
}

}  // namespace

Result<Slot> Sidecar::in_hand(std::string_view job_id, std::string_view text) const {
    const std::optional<Lease> lease = parse_lease(text, incarnation_);
    if (!lease) return tl::unexpected(gone(job_id));
    const auto standing = engine_.standing(*lease);
    if (!standing || slots_[standing->slot].id != job_id || slots_[standing->slot].said) {
        return tl::unexpected(gone(job_id));
    }
    return standing->slot;
}

Result<Sidecar::Heard> Sidecar::heard(Slot slot) const {
    const auto standing = engine_.standing(slots_[slot].lease);
    if (!standing) return tl::unexpected(gone(slots_[slot].id));
    return Heard{.draining = standing->leaving, .expires_at = standing->expires_at};
}

// Of a job that was taken back the app is told so, whatever it says about it.
Result<Sidecar::Heard> Sidecar::not_in_hand(std::string_view text, const Error& why) const {
    const std::optional<Lease> lease = parse_lease(text, incarnation_);
    if (lease && std::ranges::find(cancelled_, *lease) != cancelled_.end()) return Heard{.cancelled = true};
    return tl::unexpected(why);
}

Result<Sidecar::Heard> Sidecar::hear(request::Progress progress) {
    const Result<Slot> slot = in_hand(progress.job_id, progress.lease);
    if (!slot) return not_in_hand(progress.lease, slot.error());
    const Time now = clock_.now();
    if (const auto passes = gate_.report(*slot, std::move(progress), now)) letters_->tell_progress(*slot, *passes, now);
    schedule_turn();
    return heard(*slot);
}

Result<Sidecar::Heard> Sidecar::hear(request::Logs logs) {
    const Result<Slot> slot = in_hand(logs.job_id, logs.lease);
    if (!slot) return not_in_hand(logs.lease, slot.error());
    const Time now = clock_.now();
    letters_->tell_logs(*slot, logs.level, gate_.log(*slot, std::move(logs.lines), now), now);
    return heard(*slot);
}

Result<Sidecar::Heard> Sidecar::hear(const request::Heartbeat& heartbeat) {
    const Result<Slot> slot = in_hand(heartbeat.job_id, heartbeat.lease);
    if (!slot) return not_in_hand(heartbeat.lease, slot.error());
    handle(event::Renewed{slots_[*slot].lease, slots_[*slot].lease_lasts});
    schedule_turn();
    return heard(*slot);
}

Result<Sidecar::Heard> Sidecar::hear(request::Complete complete) {
    const Result<Slot> slot = endable(complete.job_id, complete.lease);
    if (!slot) return tl::unexpected(slot.error());
    slots_[*slot].result = std::move(complete.result);
    slots_[*slot].result_type = std::move(complete.content_type);
    end(*slot, {.verdict = Outcome::Verdict::done});
    return Heard{};
}

Result<Sidecar::Heard> Sidecar::hear(const request::Fail& fail) {
    const Result<Slot> slot = endable(fail.job_id, fail.lease);
    if (!slot) return tl::unexpected(slot.error());
    const auto verdict = fail.retryable ? Outcome::Verdict::retry : Outcome::Verdict::dead;
    end(*slot, reported(verdict, fail.error, fail.message, fail.retry_after));
    return Heard{};
}

// In hand, and ended by its lease: pulled, accepted, or about to be accepted.
Result<Slot> Sidecar::endable(std::string_view job_id, std::string_view lease) const {
    const Result<Slot> slot = in_hand(job_id, lease);
    if (!slot || slots_[*slot].leased || config_.delivery.async_completion) return slot;
    return failure(Error::Code::conflict, "job " + std::string(job_id) +
                                              " ends with the answer to its request (spec.delivery.asyncCompletion)");
}

void Sidecar::end(Slot slot, Outcome outcome) {
    HeldJob& job = slots_[slot];
    hand_over_ends(slot);
    if (!job.leased) {  // its request is not answered yet, and holds on to the record
        job.said = std::move(outcome);
        return;
    }
    stats_.worker_time.add(clock_.now() - job.handed_over_at);
    handle(event::Answered{job.lease, std::move(outcome)});
    schedule_refill();
}

Result<Pulls::Id> Sidecar::lease(const request::LeaseRequest& wanted, Pulls::Reply reply) {
    if (config_.delivery.mode != jobqueue::Mode::pull) {
        return failure(Error::Code::invalid,
                       "the queue pushes its jobs: nothing can be leased (spec.delivery.mode: pull)");
    }
    if (draining_) {
        reply(std::string(Pulls::draining_answer));
        return Pulls::none;
    }
    const Pulls::Id pull =
        pulls_.add(static_cast<std::size_t>(wanted.max), clock_.now() + wanted.wait, wanted.lease, std::move(reply));
    handle(event::Demanded{pulls_.demand()});
    schedule_turn();
    return pull;
}

void Sidecar::withdraw(Pulls::Id pull) {
    if (pulls_.withdraw(pull)) handle(event::Demanded{pulls_.demand()});
}

// What was kept back of a try goes before its end is told.
void Sidecar::hand_over_ends(Slot slot) {
    const ProgressGate::Rest rest = gate_.end(slot);
    if (rest.report) letters_->tell_progress(slot, *rest.report, clock_.now());
    if (rest.lines_left_out > 0) letters_->tell_logs(slot, "", {{}, rest.lines_left_out}, clock_.now());
}

// Pulls whose time is over, and progress whose time has come.
void Sidecar::serve_worker_requests() {
    const Time now = clock_.now();
    if (const auto end = pulls_.next_end(); end && *end <= now) {
        pulls_.answer(now);
        handle(event::Demanded{pulls_.demand()});
    }
    for (const ProgressGate::Released& released : gate_.due(now)) {
        letters_->tell_progress(released.slot, released.report, now);
    }
}

void Sidecar::read_control() {
    if (!control_) return;
    const auto controls =
        std::partition(readable_.begin(), readable_.end(), [this](AssignmentId id) { return !control_->reads(id); });
    if (controls == readable_.end()) return;
    readable_.erase(controls, readable_.end());
    const ControlReader::News news = control_->take(clock_.now());
    for (const jobqueue::control::Usage& usage : news.usages) {
        if (usage.pod == usage_name_ || !usage.known) continue;
        events_.emplace_back(event::UsageHeard{usage.pod, {usage.partitions, usage.has_demand}, usage.at});
    }
    for (const jobqueue::ControlChange& change : news.changes) {
        if (const auto* configured = std::get_if<jobqueue::control_change::Configured>(&change)) {
            configure(configured->value);
        }
        if (const auto* dropped = std::get_if<jobqueue::control_change::Dropped>(&change)) {
            for (const Slot slot : slots_.below(dropped->topic, dropped->partition, dropped->below)) {
                // What runs goes on.
                if (!engine_.standing(slots_[slot].lease)) events_.emplace_back(event::Cancelled{slot});
            }
        }
        const auto* cancelled = std::get_if<jobqueue::control_change::Cancelled>(&change);
        if (cancelled == nullptr) continue;
        for (const Slot slot : slots_.find(cancelled->job_id)) {
            if (engine_.standing(slots_[slot].lease)) {
                cancelled_.push_back(slots_[slot].lease);
                if (cancelled_.size() > most_cancelled_leases) cancelled_.pop_front();
            }
            events_.emplace_back(event::Cancelled{slot});
        }
    }
    const bool paused = config_.paused || !control_->caught_up() || control_->paused();
    if (paused != paused_) {
        paused_ = paused;
        log::info(paused ? "paused" : "not paused", {});
        events_.emplace_back(event::Paused{paused});
    }
    serve_events();
}

// One that is taken back leaves what the sidecar was started with.
void Sidecar::configure(const std::string& hot) {
    jobqueue::SidecarConfig base = started_;
    base.generation = config_.generation;  // a record may have been newer than the start, and than this one
    config_trouble_.clear();
    Result<jobqueue::SidecarConfig> changed = hot.empty() ? started_ : jobqueue::with_hot_config(base, hot);
    if (!changed && changed.error().code == Error::Code::conflict) {
        return log::warn("a configuration in the control topic is not for this sidecar",
                         {{"error", changed.error().message}});
    }
    if (!changed) {
        config_trouble_ = changed.error().message;
        return log::error("the configuration in the control topic cannot be used: the old one stays",
                          {{"error", config_trouble_}});
    }
    config_ = std::move(*changed);
    log::info("the configuration has changed", {{"generation", config_.generation}});
    const jobqueue::DeliverySpec& delivery = config_.delivery;
    events_.emplace_back(event::Reconfigured{.retry = config_.retry,
                                             .concurrency = delivery.concurrency,
                                             .batch_max_size = delivery.batch_max_size,
                                             .batch_max_wait = delivery.batch_max_wait,
                                             .rate_limit = delivery.rate_limit,
                                             .key_rate_limit = delivery.key_rate_limit,
                                             .timeout = delivery.timeout});
    configured_();
}

}  // namespace drover::sidecar
