// The app in the simulated world: what it is given, what it answers, and how it keeps what it works on.
#include <algorithm>
#include <utility>

#include "tests/sidecar/core/delivery_world.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using Kind = WorkerAnswer::Kind;

}  // namespace

void DeliveryWorld::perform(int index, const action::HandOver& given) {
    Member& member = member_at(index);
    ++counts_.handed_over;
    const auto found = member.slots.find(given.slot);
    if (found == member.slots.end()) return fail("a slot is handed over that holds nothing");
    Held& held = found->second;
    Job& job = job_of(held);
    Record& record = record_of(held);
    note(text("member ", index, " slot ", given.slot, ": hands over job ", record.job, ", attempt ", given.attempt));
    const auto assignment = member.assignments.find(held.assignment);
    if (assignment == member.assignments.end()) return fail("a job of a lost partition is handed over");
    if (assignment->second.revoking) fail("a job is handed over while its partition is revoked");
    if (member.draining) fail("a job is handed over while draining");
    if (member.paused) fail("a job is handed over while paused");
    if (held.lease) fail("a job in flight is handed over again");
    if (held.letter != Letter::none || held.completed) fail("a finished job is handed over");
    if (given.lease <= member.last_lease && member.hands.contains(given.lease)) fail("a lease is used twice");
    member.last_lease = given.lease;
    if (record.due_at && now_ < *record.due_at) fail(text("job ", record.job, " is handed over before its due time"));
    if (now_ < job.not_before) fail(text("job ", record.job, " runs early"));
    if (job.deadline && now_ >= *job.deadline) fail("a job is handed over after its deadline");
    if (job.unfit) fail("an unfit record is handed over");
    if (member.taken_back.contains(record.job)) fail(text("job ", record.job, " is handed over after its cancel"));
    if (given.max_attempts != most_attempts(member, job)) fail("the wrong number of attempts is told");
    if (given.attempt > most_attempts(member, job)) fail(text("job ", record.job, " is tried too often"));
    if (record.print) {
        const auto [same, is_new] = assignment->second.tries.emplace(*record.print, held.record);
        if (!is_new && same->second != held.record) fail(text("one try of job ", record.job, " is handed over twice"));
    }
    if (!scenario_.violent) {
        if (job.ended()) fail(text("job ", record.job, " is handed over again after its end"));
        if (job.in_flight > 0) fail(text("job ", record.job, " is handed over twice at once"));
        if (given.attempt != job.attempts_used + 1) {
            fail(text("job ", record.job, " is told attempt ", given.attempt, " after ", job.attempts_used));
        }
    } else if (job.completed) {
        ++counts_.repeated;
    }
    if (scenario_.pulled && member.demand-- == 0) fail("a job is handed over that nobody asked for");
    if (in_batches() != (given.exchange != 0)) fail("a batch without a number, or a number without a batch");
    check_order(index, held);
    check_lane(index, held);

    held.lease = given.lease;
    ++job.in_flight;
    Time expires = now_ + timeout_of(member, job);
    if (job.deadline) expires = std::min(expires, *job.deadline);
    const bool same_exchange = given.exchange != 0 && !member.given.empty() &&
                               member.hands.at(member.given.back().front()).exchange == given.exchange;
    if (!same_exchange) member.given.emplace_back();
    member.given.back().push_back(given.lease);
    member.hands[given.lease] = {.slot = given.slot,
                                 .job = record.job,
                                 .assignment = held.assignment,
                                 .exchange = given.exchange,
                                 .at = now_,
                                 .expires = expires,
                                 .timeout = timeout_of(member, job),
                                 .leased = scenario_.pulled};
}

// What one step handed over in one exchange.
void DeliveryWorld::receive(int index, const std::vector<Lease>& exchange) {
    Member& member = member_at(index);
    if (in_batches()) {
        const auto size = static_cast<int>(exchange.size());
        ++(size == member.config.batch_max_size ? counts_.batches : counts_.half_batches);
        if (size > member.config.batch_max_size) fail("a batch is too large");
        // One that may not go any more is found out when it would go, and the others go without it.
        const bool has_waited = std::ranges::any_of(member.slots, [&](const auto& entry) {
            const Held& held = entry.second;
            const Job& job = job_of(held);
            if (held.letter == Letter::dead_letter) {
                return job.attempts_used >= most_attempts(member, job) || (job.deadline && *job.deadline <= now_);
            }
            return held.lease && std::ranges::count(exchange, *held.lease) > 0 &&
                   held.arrived_at + member.config.batch_max_wait <= now_;
        });
        if (size < member.config.batch_max_size && !has_waited) fail("a batch goes early, and not full");
    }
    if (scenario_.pulled) return work(index, exchange.front(), die(4));
    if (exchange.size() == 1 && !calm() && chance(10)) {  // a heartbeat, though its answer is what it is waited for
        later(index, between(1, 1000), [this, index, lease = exchange.front()] { renew(index, lease); });
    }
    if (!in_batches() && now_ >= member.app_up_at && chance(scenario_.leased)) {
        return later(index, between(1, 100), [this, index, lease = exchange.front()] { accept(index, lease); });
    }
    const Reply first = reply_of_app(index);
    if (first.never) return;
    for (const Lease lease : exchange) {
        Reply reply = first;
        if (first.kind == Kind::response && lease != exchange.front()) {
            reply = reply_of_app(index);
            if (reply.never || reply.kind != Kind::response) reply = {.status = 500};  // its item is missing
        }
        later(index, first.wait, [this, index, lease, reply] { answer(index, lease, reply); });
    }
}

DeliveryWorld::Reply DeliveryWorld::reply_of_app(int index) {
    Member& member = member_at(index);
    if (now_ < member.app_up_at) return {.wait = between(0, chance(50) ? 1 : 300), .kind = Kind::refused};
    if (calm() || !chance(scenario_.trouble)) return {.wait = chance(5) ? between(500, 1500) : between(1, 100)};
    switch (die(10)) {
        case 0: return {.wait = between(1, 50), .status = 400};
        case 1: return {.wait = between(1, 50), .status = 429};
        case 2: return {.wait = between(1, 50), .status = 429, .retry_after = std::to_string(die(3))};
        case 3: return {.wait = between(1, 50), .status = 503, .retry_after = std::to_string(die(3))};
        case 4: return {.never = true};
        case 5: member.app_up_at = now_ + between(0, 2000); return {.wait = between(0, 20), .kind = Kind::cut};
        default: return {.wait = between(0, 50), .status = 500};
    }
}

void DeliveryWorld::accept(int index, Lease lease) {
    Member& member = member_at(index);
    const auto found = member.hands.find(lease);
    if (found == member.hands.end() || found->second.aborted) return;  // nobody listens any more
    HandOver& hand = found->second;
    ++counts_.accepted;
    note(text("member ", index, " slot ", hand.slot, ": job ", hand.job, " is accepted"));
    const Job& job = jobs_[static_cast<std::size_t>(hand.job)];
    hand.leased = true;
    hand.expires =
        std::min({now_ + hand.timeout, job.deadline.value_or(Time::max()), hand.leave_by.value_or(Time::max())});
    if (is_leaving(member, hand.assignment)) hurry(index, hand.assignment);
    step(index, event::Accepted{lease});
    work(index, lease, die(4));
}

// On a leased job: a heartbeat now and then, and its end, if it is not too late by then.
void DeliveryWorld::work(int index, Lease lease, int heartbeats) {
    const Duration timeout = member_at(index).hands.at(lease).timeout;
    const bool stalls = !calm() && chance(scenario_.trouble / 4);
    const Duration pause = stalls ? timeout + between(0, 500) : timeout * (1 + die(90)) / 100;
    later(index, pause, [this, index, lease, heartbeats] {
        Member& member = member_at(index);
        if (!member.engine->standing(lease)) {
            // The shell says 409, and the engine would not listen either, once the answer to its abort was there.
            ++counts_.late;
            if (member.hands.contains(lease)) return;
            step(index, event::Accepted{lease});
            step(index, event::Renewed{lease, 1h});
            return step(index, event::Answered{lease, {.verdict = Outcome::Verdict::done}});
        }
        if (heartbeats > 0) {
            renew(index, lease);
            return work(index, lease, heartbeats - 1);
        }
        Reply reply = reply_of_app(index);
        if (!reply.never) answer(index, lease, reply.kind == Kind::response ? reply : Reply{.status = 500});
    });
}

void DeliveryWorld::renew(int index, Lease lease) {
    Member& member = member_at(index);
    const auto found = member.hands.find(lease);
    if (found == member.hands.end() || !member.engine->standing(lease)) return;
    HandOver& hand = found->second;
    ++counts_.renewed;
    const Job& job = jobs_[static_cast<std::size_t>(hand.job)];
    const auto lasts = scenario_.pulled && chance(50) ? std::optional(between(100, 6000)) : std::nullopt;
    if (is_leaving(member, hand.assignment) && !hand.leave_by)
        hand.leave_by = std::max(hand.expires, now_ + config_.max_drain);
    hand.expires = std::min(
        {now_ + lasts.value_or(hand.timeout), job.deadline.value_or(Time::max()), hand.leave_by.value_or(Time::max())});
    step(index, event::Renewed{lease, lasts});
}

// Leased jobs of a partition that goes have until then.
void DeliveryWorld::hurry(int index, AssignmentId assignment) {
    for (auto& [lease, hand] : member_at(index).hands) {
        if (hand.assignment != assignment || !hand.leased || hand.leave_by) continue;
        hand.leave_by = now_ + config_.max_drain;
        hand.expires = std::min(hand.expires, *hand.leave_by);
    }
}

void DeliveryWorld::pull(int index) {
    Member& member = member_at(index);
    member.demand = static_cast<std::size_t>(calm() ? 1 + die(3) : die(4));
    step(index, event::Demanded{member.demand});
    later(index, between(10, 400), [this, index] { pull(index); });
}

void DeliveryWorld::answer(int index, Lease lease, const Reply& reply) {
    Member& member = member_at(index);
    const auto found = member.hands.find(lease);
    if (found == member.hands.end()) return;  // answered before
    const HandOver hand = found->second;
    member.hands.erase(found);
    Held& held = member.slots.at(hand.slot);
    held.lease.reset();
    Job& job = jobs_[static_cast<std::size_t>(hand.job)];
    --job.in_flight;

    const Outcome outcome =
        classify({.kind = reply.kind, .status = reply.status, .retry_after = reply.retry_after}, now_);
    note(text("member ", index, " slot ", hand.slot, ": job ", hand.job, " answered ", static_cast<int>(reply.kind),
              "/", reply.status));
    const bool ours = member.assignments.contains(hand.assignment);
    const bool aborted = outcome.verdict == Outcome::Verdict::aborted;
    const bool handed_on = aborted && hand.leave_by && now_ >= *hand.leave_by;
    const bool timed_out = aborted && hand.expired && !handed_on;
    counts_.handed_on += handed_on ? 1 : 0;
    if (outcome.verdict == Outcome::Verdict::done) {
        job.completed = true;
        held.completed = true;
        record_of(held).finished |= !scenario_.events;
    } else if (member.taken_back.contains(hand.job)) {
        counts_.cancelled_running += hand.aborted ? 1 : 0;
    } else if (ours && (outcome.verdict == Outcome::Verdict::retry || timed_out)) {
        counts_.timeouts += timed_out ? 1 : 0;
        counts_.throttled += outcome.costs_attempt ? 0 : 1;
        if (outcome.costs_attempt) ++job.attempts_used;
        job.retried = true;
        const Duration ladder = jobqueue::retry_delay(member.config.retry, job.attempts_used, 0);
        if (!scenario_.violent) job.not_before = now_ + outcome.wait.value_or(ladder);
    } else if (outcome.verdict == Outcome::Verdict::dead) {
        ++job.attempts_used;
    } else if (outcome.verdict == Outcome::Verdict::not_delivered) {
        ++counts_.refused;
    }
    step(index, event::Answered{lease, outcome});
}

void DeliveryWorld::perform(int index, const action::Abort& abort) {
    Member& member = member_at(index);
    const auto found = member.hands.find(abort.lease);
    if (found == member.hands.end()) return fail("an abort of a job that is not in flight");
    HandOver& hand = found->second;
    note(text("member ", index, ": aborts job ", hand.job));
    if (hand.aborted) fail("an abort of a job that is aborted");
    hand.aborted = true;
    hand.expired = now_ == hand.expires;
    if (member.assignments.contains(hand.assignment) && !hand.expired && !member.taken_back.contains(hand.job)) {
        fail("an abort at another time than the end of the lease, and nobody took the job back");
    }
    later(index, between(0, 2), [this, index, lease = abort.lease] { answer(index, lease, {.kind = Kind::aborted}); });
}

void DeliveryWorld::perform(int index, const action::Probe&) {
    if (scenario_.pulled) fail("an app that pulls is knocked at");
    later(index, between(0, 5),
          [this, index] { step(index, event::WorkerProbed{now_ >= member_at(index).app_up_at}); });
}

}  // namespace drover::sidecar
