#include "tests/sidecar/core/delivery_world.h"

#include <algorithm>
#include <ostream>
#include <sstream>
#include <utility>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using Kind = WorkerAnswer::Kind;
using How = action::Settled::How;

const Time beginning = time_from_millis(1'800'000'000'000);
const Time calm_at = beginning + 15s;

std::string_view name_of(jobqueue::Ordering ordering) {
    switch (ordering) {
        case jobqueue::Ordering::none: return "none";
        case jobqueue::Ordering::key: return "key";
        case jobqueue::Ordering::partition: return "partition";
    }
    return "?";
}

std::string_view name_of(How how) {
    switch (how) {
        case How::completed: return "completed";
        case How::cancelled: return "cancelled";
        case How::retried: return "retried";
        case How::dead_lettered: return "dead-lettered";
        case How::moved: return "moved";
        case How::repeated: return "repeated";
        case How::dropped: return "dropped";
    }
    return "?";
}

template <class... Parts>
std::string text(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Scenario& s) {
    return out << "{.ordering = jobqueue::Ordering::" << name_of(s.ordering) << ", .seed = " << s.seed
               << ", .jobs = " << s.jobs << ", .partitions = " << s.partitions << ", .members = " << s.members
               << ", .keys = " << s.keys << ", .concurrency = " << s.concurrency
               << ", .max_attempts = " << s.max_attempts << ", .steps = " << s.steps << ", .held_jobs = " << s.held_jobs
               << ", .disturbances = " << s.disturbances << ", .trouble = " << s.trouble
               << ", .write_trouble = " << s.write_trouble << ", .commit_trouble = " << s.commit_trouble
               << ", .violent = " << (s.violent ? "true" : "false") << "}";
}

DeliveryWorld::Counts& DeliveryWorld::Counts::operator+=(const Counts& o) {
    completed += o.completed, dead_letters += o.dead_letters, handed_over += o.handed_over, repeated += o.repeated;
    retried += o.retried, timeouts += o.timeouts, refused += o.refused, throttled += o.throttled;
    deadlines += o.deadlines, released += o.released, drained += o.drained, lost += o.lost, killed += o.killed;
    write_failures += o.write_failures, hops += o.hops, dropped += o.dropped;
    return *this;
}

DeliveryWorld::DeliveryWorld(const Scenario& scenario) : scenario_(scenario), random_(scenario.seed), now_(beginning) {
    config_.ordering = scenario.ordering;
    config_.retry = {.max_attempts = scenario.max_attempts, .initial = 200ms, .max_delay = 2s};
    const std::vector<Duration> steps{200ms, 500ms, 2s};
    config_.retry_steps.assign(steps.begin(), steps.begin() + std::min(scenario.steps, 3));
    config_.concurrency = scenario.concurrency;
    config_.timeout = 1s;
    config_.held_jobs = static_cast<std::size_t>(scenario.held_jobs);
    config_.held_bytes = 20'000;
    metadata_bytes_ = scenario.violent && chance(30) ? 24 : jobqueue::max_commit_metadata_bytes;

    const auto partitions = static_cast<std::size_t>(scenario.partitions);
    logs_.resize(partitions * (1 + config_.retry_steps.size()));
    for (std::size_t log = partitions; log < logs_.size(); ++log)
        logs_[log].step = config_.retry_steps[log / partitions - 1];

    for (int i = 0; i < scenario.jobs; ++i) {
        Job job{.partition = die(scenario.partitions), .bytes = static_cast<std::size_t>(die(1000))};
        if (chance(90)) job.key = static_cast<std::uint64_t>(die(scenario.keys)) * 0x9e3779b97f4a7c15;
        if (chance(10)) job.max_attempts = 1 + die(5);
        if (chance(10)) job.timeout = between(100, 3000);
        const Time appended = beginning + (chance(60) ? Duration{0} : between(0, 6000));
        if (chance(10)) job.due_at = appended + between(0, 9000);
        if (chance(10)) job.deadline = appended + between(0, 8000);
        job.unfit = chance(3);
        job.too_large_to_retry = chance(3);
        job.too_large_for_dead_letters = chance(3);
        jobs_.push_back(job);
        ++to_append_;
        at(appended, [this, i, appended] {
            --to_append_;
            const Job& appearing = jobs_[static_cast<std::size_t>(i)];
            append(static_cast<std::size_t>(appearing.partition),
                   {.job = i, .due_at = appearing.due_at, .appended_at = appended});
        });
    }
    members_.resize(static_cast<std::size_t>(scenario.members));
    for (int member = 0; member < scenario.members; ++member) start(member);
    for (std::size_t log = 0; log < logs_.size(); ++log) assign(log);
    disturbances_left_ = scenario.disturbances;
    for (int i = 0; i < scenario.disturbances; ++i) at(beginning + between(0, 12'000), [this] { disturb(); });
}

std::string DeliveryWorld::run() {
    int idle_steps = 0;
    for (int turns = 0; broken_.empty() && !finished(); ++turns) {
        if (turns > 100'000) fail("it goes on for ever");
        if (now_ > beginning + std::chrono::hours(1)) fail("the jobs do not end within an hour");
        Time next = schedule_.empty() ? Time::max() : schedule_.begin()->first.first;
        for (const Member& member : members_) {
            if (const auto wakeup = member.engine->next_wakeup()) next = std::min(next, *wakeup);
        }
        if (next == Time::max()) {
            fail("everything stands still");
            break;
        }
        if (next > now_) idle_steps = 0;
        now_ = std::max(now_, next);
        if (!schedule_.empty() && schedule_.begin()->first.first <= now_) {
            const auto what = std::move(schedule_.begin()->second);
            schedule_.erase(schedule_.begin());
            what();
        } else {
            for (int member = 0; member < scenario_.members; ++member) {
                const auto wakeup = members_[static_cast<std::size_t>(member)].engine->next_wakeup();
                if (wakeup && *wakeup <= now_) step(member, event::Tick{});
            }
            if (++idle_steps > 20) fail("a busy loop: next_wakeup() stays in the past");
        }
        for (int member = 0; member < scenario_.members; ++member) fetch(member);
    }
    if (!broken_.empty()) return broken_;

    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        const Job& job = jobs_[i];
        if (!job.ended()) fail(text("job ", i, " is lost"));
        if (!scenario_.violent && job.completed && job.dead_letters > 0)
            fail(text("job ", i, " both completed and died"));
        if (!scenario_.violent && job.dead_letters > 1) fail(text("job ", i, " died twice"));
        counts_.completed += job.completed ? 1 : 0;
    }
    return broken_;
}

bool DeliveryWorld::finished() const {
    if (to_append_ > 0 || disturbances_left_ > 0) return false;
    for (const Log& log : logs_) {
        if (log.committed != log.end) return false;
    }
    // What the dead have still under way may yet be written.
    return std::ranges::all_of(members_, [](const Member& m) { return m.hands.empty() && m.slots.empty(); }) &&
           std::ranges::all_of(jobs_, &Job::ended);
}

bool DeliveryWorld::calm() const { return now_ >= calm_at; }

void DeliveryWorld::fail(const std::string& promise) {
    if (!broken_.empty()) return;
    broken_ = promise;
    note("BROKEN: " + promise);
}

void DeliveryWorld::note(const std::string& what) {
    trace_.push_back(
        text(std::chrono::duration_cast<std::chrono::microseconds>(now_ - beginning).count() / 1000.0, " ms: ", what));
}

std::string DeliveryWorld::trace() const {
    std::string all;
    for (std::size_t i = trace_.size() > 400 ? trace_.size() - 400 : 0; i < trace_.size(); ++i) all += trace_[i] + "\n";
    return all;
}

void DeliveryWorld::later(int member, Duration wait, std::function<void()> what) {
    const int life = members_[static_cast<std::size_t>(member)].life;
    at(now_ + wait, [this, member, life, what = std::move(what)] {
        if (members_[static_cast<std::size_t>(member)].life == life) what();
    });
}

// --- Kafka

void DeliveryWorld::append(std::size_t index, Record record) {
    Log& log = logs_[index];
    if (chance(10)) log.end += 1 + die(3);  // transaction markers
    // Records that were deleted. What finishes behind such a gap fits into no map, so it may be repeated.
    if (scenario_.violent && chance(1)) log.end += 1'000'000'000'000;
    record.offset = log.end++;
    log.records.push_back(record);
    if (chance(10)) ++log.end;
}

void DeliveryWorld::start(int index) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const int life = member.life + 1;
    member = Member{};
    member.life = life;
    member.engine = std::make_unique<DeliveryEngine>(config_, random_());
    if (!calm() && chance(50)) member.app_up_at = now_ + between(0, 2000);
    note(text("member ", index, " starts"));
    step(index, event::Tick{});
}

void DeliveryWorld::assign(std::size_t index) {
    Log& log = logs_[index];
    if (log.owner) return;
    std::vector<int> candidates;
    for (int member = 0; member < scenario_.members; ++member) {
        if (!members_[static_cast<std::size_t>(member)].draining) candidates.push_back(member);
    }
    if (candidates.empty()) return at(now_ + 10ms, [this, index] { assign(index); });
    const int chosen = candidates[static_cast<std::size_t>(die(static_cast<int>(candidates.size())))];
    const AssignmentId id = ++last_assignment_;
    log.owner = id;
    const auto first = std::ranges::find_if(log.records, [&](const Record& r) { return r.offset >= log.committed; });
    members_[static_cast<std::size_t>(chosen)].assignments[id] = {
        .log = index, .next = static_cast<std::size_t>(first - log.records.begin())};
    const auto metadata = jobqueue::decode_commit_metadata(log.metadata, log.committed);
    note(text("log ", index, " from ", log.committed, " to member ", chosen, " as ", id));
    step(chosen, event::Assigned{id, log.committed, metadata.value_or(jobqueue::CommitMetadata{}), log.step});
}

void DeliveryWorld::drop_member(int index) {
    Member& member = members_[static_cast<std::size_t>(index)];
    for (const auto& [lease, hand] : member.hands) --jobs_[static_cast<std::size_t>(hand.job)].in_flight;
    const auto assignments = std::move(member.assignments);
    start(index);
    for (const auto& [id, assignment] : assignments) {
        const std::size_t log = assignment.log;
        logs_[log].owner.reset();
        at(now_ + between(0, 50), [this, log] { assign(log); });
    }
}

void DeliveryWorld::disturb() {
    --disturbances_left_;
    const int index = die(scenario_.members);
    Member& member = members_[static_cast<std::size_t>(index)];
    const int kind = die(scenario_.violent ? 6 : 4);
    if (kind == 0 && !member.draining) {
        note(text("member ", index, " drains"));
        member.draining = true;
        return step(index, event::Drain{});
    }
    if (kind == 1) {
        note(text("member ", index, " pauses"));
        member.paused = true;
        step(index, event::Paused{true});
        return later(index, between(1, 3000), [this, index] {
            members_[static_cast<std::size_t>(index)].paused = false;
            step(index, event::Paused{false});
        });
    }
    if (kind == 5) {
        note(text("member ", index, " is killed"));
        ++counts_.killed;
        return drop_member(index);
    }
    if (member.assignments.empty()) return;
    auto chosen = member.assignments.begin();
    std::advance(chosen, die(static_cast<int>(member.assignments.size())));
    const auto [id, assignment] = *chosen;
    if (kind == 4) {
        note(text("member ", index, " lost ", id));
        ++counts_.lost;
        const std::size_t log = assignment.log;
        logs_[log].owner.reset();
        member.assignments.erase(chosen);
        at(now_ + between(0, 50), [this, log] { assign(log); });
        return step(index, event::Lost{id});
    }
    if (assignment.revoking) return;
    note(text("member ", index, " gives up ", id));
    chosen->second.revoking = true;
    step(index, event::Revoking{id});
}

// --- around an engine

void DeliveryWorld::step(int index, Event event) {
    if (!broken_.empty()) return;
    DeliveryEngine& engine = *members_[static_cast<std::size_t>(index)].engine;
    const auto seen = engine.step(std::move(event), now_);
    const std::vector<Action> actions(seen.begin(), seen.end());
    for (const Action& action : actions) {
        if (!broken_.empty()) return;
        std::visit([&](const auto& what) { perform(index, what); }, action);
    }
    check_bounds(index);
}

void DeliveryWorld::fetch(int index) {
    Member& member = members_[static_cast<std::size_t>(index)];
    std::vector<AssignmentId> ids;
    for (const auto& [id, assignment] : member.assignments) ids.push_back(id);
    for (const AssignmentId id : ids) {
        while (member.engine->room(id) > 0 && broken_.empty()) {
            const auto found = member.assignments.find(id);
            if (found == member.assignments.end()) break;
            Assignment& assignment = found->second;
            const Log& log = logs_[assignment.log];
            if (assignment.next == log.records.size()) break;
            Slot slot = 0;
            while (member.slots.contains(slot)) ++slot;
            const Record record = log.records[assignment.next];
            const Job& job = jobs_[static_cast<std::size_t>(record.job)];
            member.slots[slot] = {.log = assignment.log, .record = assignment.next, .assignment = id};
            ++assignment.next;
            event::Arrived arrived{.assignment = id,
                                   .slot = slot,
                                   .offset = record.offset,
                                   .bytes = job.bytes,
                                   .key = job.key,
                                   .attempts_made = record.attempts_made,
                                   .max_attempts = job.max_attempts,
                                   .timeout = job.timeout,
                                   .due_at = record.due_at,
                                   .deadline = job.deadline,
                                   .appended_at = record.appended_at};
            if (job.unfit) arrived.unfit = std::make_unique<jobqueue::Cause>(jobqueue::Cause{.error_class = "Unfit"});
            note(text("member ", index, " slot ", slot, ": job ", record.job, " of ", id, " at ", record.offset));
            step(index, std::move(arrived));
        }
        const auto found = member.assignments.find(id);
        if (found == member.assignments.end()) continue;
        const Log& log = logs_[found->second.log];
        if (found->second.next == log.records.size() && found->second.told_end != log.end) {
            found->second.told_end = log.end;
            step(index, event::ReachedEnd{id, log.end});
        }
    }
}

void DeliveryWorld::check_bounds(int index) {
    const Member& member = members_[static_cast<std::size_t>(index)];
    const DeliveryEngine& engine = *member.engine;
    const auto concurrency = static_cast<std::size_t>(scenario_.concurrency);
    if (engine.in_flight() != member.hands.size()) fail("in_flight() does not count the jobs in flight");
    if (member.hands.size() > concurrency) fail("more jobs in flight than the concurrency allows");
    std::map<AssignmentId, std::size_t> held;
    for (const auto& [slot, kept] : member.slots) {
        if (!kept.lease) ++held[kept.assignment];
    }
    for (const auto& [id, count] : held) {
        if (count > config_.held_jobs + concurrency) fail(text("assignment ", id, " holds ", count, " jobs"));
    }
}

void DeliveryWorld::check_order(int index, const Held& held) {
    if (scenario_.ordering == jobqueue::Ordering::none) return;
    const Log& log = logs_[held.log];
    const Job& job = job_of(held);
    if (scenario_.ordering == jobqueue::Ordering::key && !job.key) return;
    for (std::size_t i = 0; i < held.record; ++i) {
        const Record& earlier = log.records[i];
        const Job& other = jobs_[static_cast<std::size_t>(earlier.job)];
        if (scenario_.ordering == jobqueue::Ordering::key && other.key != job.key) continue;
        if (!other.unfit && !other.completed && !earlier.finished) {
            fail(text("job ", log.records[held.record].job, " is handed over before job ", earlier.job));
        }
    }
    for (const auto& [lease, hand] : members_[static_cast<std::size_t>(index)].hands) {
        const Job& other = jobs_[static_cast<std::size_t>(hand.job)];
        if (hand.assignment != held.assignment) continue;
        if (scenario_.ordering == jobqueue::Ordering::key && other.key != job.key) continue;
        fail("two jobs of one sequence are in flight");
    }
}

void DeliveryWorld::perform(int index, const action::HandOver& given) {
    Member& member = members_[static_cast<std::size_t>(index)];
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
    if (held.writing || held.completed) fail("a finished job is handed over");
    if (given.lease <= member.last_lease && member.hands.contains(given.lease)) fail("a lease is used twice");
    member.last_lease = given.lease;
    if (record.due_at && now_ < *record.due_at) fail(text("job ", record.job, " is handed over before its due time"));
    if (now_ < job.not_before) fail(text("job ", record.job, " runs early"));
    if (job.deadline && now_ >= *job.deadline) fail("a job is handed over after its deadline");
    if (job.unfit) fail("an unfit record is handed over");
    if (given.max_attempts != most_attempts(job)) fail("the wrong number of attempts is told");
    if (given.attempt > most_attempts(job)) fail(text("job ", record.job, " is tried too often"));
    if (!scenario_.violent) {
        if (job.ended()) fail(text("job ", record.job, " is handed over again after its end"));
        if (job.in_flight > 0) fail(text("job ", record.job, " is handed over twice at once"));
        if (given.attempt != job.attempts_used + 1) {
            fail(text("job ", record.job, " is told attempt ", given.attempt, " after ", job.attempts_used));
        }
    } else if (job.completed) {
        ++counts_.repeated;
    }
    check_order(index, held);

    held.lease = given.lease;
    ++job.in_flight;
    Time expires = now_ + timeout_of(job);
    if (job.deadline) expires = std::min(expires, *job.deadline);
    member.hands[given.lease] = {
        .slot = given.slot, .job = record.job, .assignment = held.assignment, .at = now_, .expires = expires};
    const auto answers = [&](Duration wait, Kind kind, int status = 0, std::string retry_after = "") {
        later(index, wait, [this, index, lease = given.lease, kind, status, retry_after] {
            answer(index, lease, kind, status, retry_after);
        });
    };
    if (now_ < member.app_up_at) return answers(between(0, chance(50) ? 1 : 300), Kind::refused);
    if (calm() || !chance(scenario_.trouble)) {
        return answers(chance(5) ? between(500, 1500) : between(1, 100), Kind::response, 200);
    }
    switch (die(10)) {
        case 0: return answers(between(1, 50), Kind::response, 400);
        case 1: return answers(between(1, 50), Kind::response, 429);
        case 2: return answers(between(1, 50), Kind::response, 429, std::to_string(die(3)));
        case 3: return answers(between(1, 50), Kind::response, 503, std::to_string(die(3)));
        case 4: return;  // never
        case 5: member.app_up_at = now_ + between(0, 2000); return answers(between(0, 20), Kind::cut);
        default: return answers(between(0, 50), Kind::response, 500);
    }
}

void DeliveryWorld::answer(int index, Lease lease, Kind kind, int status, std::string retry_after) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.hands.find(lease);
    if (found == member.hands.end()) return;  // answered before
    const HandOver hand = found->second;
    member.hands.erase(found);
    Held& held = member.slots.at(hand.slot);
    held.lease.reset();
    Job& job = jobs_[static_cast<std::size_t>(hand.job)];
    --job.in_flight;

    const Outcome outcome = classify({.kind = kind, .status = status, .retry_after = retry_after}, now_);
    note(text("member ", index, " slot ", hand.slot, ": job ", hand.job, " answered ", static_cast<int>(kind), "/",
              status));
    const bool ours = member.assignments.contains(hand.assignment);
    const bool timed_out = outcome.verdict == Outcome::Verdict::aborted && hand.expired;
    if (outcome.verdict == Outcome::Verdict::done) {
        job.completed = true;
        held.completed = true;
        record_of(held).finished = true;
    } else if (ours && (outcome.verdict == Outcome::Verdict::retry || timed_out)) {
        counts_.timeouts += timed_out ? 1 : 0;
        counts_.throttled += outcome.costs_attempt ? 0 : 1;
        if (outcome.costs_attempt) ++job.attempts_used;
        const Duration ladder = jobqueue::retry_delay(config_.retry, job.attempts_used, 0);
        if (!scenario_.violent) job.not_before = now_ + outcome.wait.value_or(ladder);
    } else if (outcome.verdict == Outcome::Verdict::dead) {
        ++job.attempts_used;
    } else if (outcome.verdict == Outcome::Verdict::not_delivered) {
        ++counts_.refused;
    }
    step(index, event::Answered{lease, outcome});
}

void DeliveryWorld::perform(int index, const action::Abort& abort) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.hands.find(abort.lease);
    if (found == member.hands.end()) return fail("an abort of a job that is not in flight");
    HandOver& hand = found->second;
    note(text("member ", index, ": aborts job ", hand.job));
    if (hand.aborted) fail("an abort of a job that is aborted");
    hand.aborted = true;
    if (member.assignments.contains(hand.assignment)) {
        if (now_ != hand.expires) fail("an abort at another time than the timeout or the deadline");
        hand.expired = true;
    }
    later(index, between(0, 2), [this, index, lease = abort.lease] { answer(index, lease, Kind::aborted, 0, ""); });
}

void DeliveryWorld::write(int index, Slot slot, bool too_large, bool dead_letter, std::function<void()> land) {
    Held& held = members_[static_cast<std::size_t>(index)].slots.at(slot);
    if (held.lease || held.completed) fail("a job is written that is in flight or complete");
    held.writing = true;
    held.wrote_dead_letter = dead_letter;
    held.refused_size |= too_large;
    const bool fails = too_large || (!calm() && chance(scenario_.write_trouble));
    counts_.write_failures += fails ? 1 : 0;
    const Duration landing = between(0, 30), acknowledged = landing + between(0, 30);
    if (!fails || (scenario_.violent && !too_large && chance(30))) {
        if (scenario_.violent && chance(50)) {
            at(now_ + landing, std::move(land));  // even if the member dies meanwhile
        } else {
            later(index, landing, std::move(land));
        }
    }
    later(index, acknowledged, [this, index, slot, fails, too_large] {
        Held& written = members_[static_cast<std::size_t>(index)].slots.at(slot);
        note(text("member ", index, " slot ", slot, fails ? ": not written" : ": written"));
        if (fails) return step(index, event::WriteFailed{slot, too_large});
        record_of(written).finished = true;
        step(index, event::Written{slot});
    });
}

void DeliveryWorld::perform(int index, const action::WriteRetry& retry) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.slots.find(retry.slot);
    if (found == member.slots.end()) return fail("a retry of a slot that holds nothing");
    const Held& held = found->second;
    const Job& job = job_of(held);
    note(text("member ", index, " slot ", retry.slot, ": retry, step ", retry.step, ", made ", retry.attempts_made));
    if (in_place()) fail("a retry leaves its place");
    if (retry.step >= config_.retry_steps.size()) return fail("a retry without a topic");
    if (retry.attempts_made >= most_attempts(job)) fail("a retry without an attempt left");
    if (retry.due_at < job.not_before) fail("a retry is due early");
    const bool hop = retry.why == action::WriteRetry::Why::not_due;
    if (!hop && retry.cause.error_class.empty()) fail("a retry without its cause");
    if (!scenario_.violent && retry.attempts_made != job.attempts_used) fail("a retry with another count of attempts");
    ++(hop ? counts_.hops : counts_.retried);
    const std::size_t log = (1 + retry.step) * static_cast<std::size_t>(scenario_.partitions) +
                            held.log % static_cast<std::size_t>(scenario_.partitions);
    const Record next{.job = record_of(held).job, .attempts_made = retry.attempts_made, .due_at = retry.due_at};
    write(index, retry.slot, job.too_large_to_retry, false, [this, log, next] {
        Record landed = next;
        landed.appended_at = now_;
        append(log, landed);
    });
}

void DeliveryWorld::perform(int index, const action::WriteDeadLetter& letter) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.slots.find(letter.slot);
    if (found == member.slots.end()) return fail("a dead letter of a slot that holds nothing");
    const Held& held = found->second;
    const Job& job = job_of(held);
    const int number = record_of(held).job;
    const std::string& why = letter.cause.error_class;
    note(text("member ", index, " slot ", letter.slot, ": dead letter of job ", number, ", ", why));
    if (letter.without_payload && !held.refused_size) fail("a dead letter without its payload");
    const bool exhausted = letter.attempts_made >= most_attempts(job);
    if (why == "DeadlineExceeded") {
        ++counts_.deadlines;
        if (!job.deadline) fail("a deadline passed that there is not");
        // Not before it is certain that no try is left.
        if (job.deadline && *job.deadline > std::max({now_ + config_.retry.max_delay * 2, job.not_before,
                                                      record_of(held).due_at.value_or(now_)})) {
            fail("a deadline is found to have passed early");
        }
    } else if (why == "RetryTooLarge") {
        if (!job.too_large_to_retry) fail("a retry was too large that was not");
    } else if (why == "Unfit") {
        if (!job.unfit) fail("a job is unfit that is not");
    } else if (why == "Http400") {
        if (!letter.tried) fail("refused without a try");
    } else if (!exhausted) {
        fail(text("job ", number, " dies of '", why, "' with attempts left"));
    }
    if (!scenario_.violent && letter.attempts_made != job.attempts_used)
        fail("a dead letter with another count of attempts");
    write(index, letter.slot, job.too_large_for_dead_letters && !letter.without_payload, true, [this, number] {
        ++jobs_[static_cast<std::size_t>(number)].dead_letters;
        ++counts_.dead_letters;
    });
}

void DeliveryWorld::perform(int, const action::WriteEvent&) { fail("an event that nobody asked for"); }

void DeliveryWorld::perform(int index, const action::Settled& settled) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.slots.find(settled.slot);
    if (found == member.slots.end()) return fail("a slot is settled that holds nothing");
    const Held& held = found->second;
    note(text("member ", index, " slot ", settled.slot, ": ", name_of(settled.how)));
    if (held.lease) fail("a job in flight is settled");
    const auto assignment = member.assignments.find(held.assignment);
    const bool leaving = assignment == member.assignments.end() || assignment->second.revoking || member.draining;
    const bool finished = record_of(held).finished;
    switch (settled.how) {
        case How::completed:
            if (!held.completed) fail("completed without an answer");
            break;
        case How::cancelled: fail("cancelled by nobody"); break;
        case How::retried:
        case How::moved:
            if (!finished || held.wrote_dead_letter) fail("retried without a record");
            break;
        case How::dead_lettered:
            if (!finished || !held.wrote_dead_letter) fail("dead-lettered without a dead letter");
            break;
        case How::repeated:
            if (!finished) fail("taken for finished");
            break;
        case How::dropped:
            ++counts_.dropped;
            if (!leaving) fail("dropped without a reason");
            break;
    }
    member.slots.erase(found);
}

void DeliveryWorld::perform(int index, const action::Commit& commit) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.assignments.find(commit.assignment);
    if (found == member.assignments.end()) return fail("a commit of a partition that is gone");
    Assignment& assignment = found->second;
    Log& log = logs_[assignment.log];
    if (assignment.committing) fail("two commits of a partition at once");
    assignment.committing = true;
    if (commit.offset < log.committed) fail("a commit goes backwards");
    if (commit.offset > log.end) fail("a commit past the end");
    const std::string encoded = jobqueue::encode_commit_metadata(commit.metadata, commit.offset, metadata_bytes_);
    if (encoded.size() > metadata_bytes_) fail("too much metadata");
    const auto told = jobqueue::decode_commit_metadata(encoded, commit.offset);
    if (metadata_bytes_ > 100 && !told) fail("metadata that nobody can read");
    for (const Record& record : log.records) {
        const bool told_finished = told && std::ranges::any_of(told->finished, [&](const auto& run) {
                                       return run.first <= record.offset && record.offset < run.first + run.count;
                                   });
        if ((record.offset < commit.offset || told_finished) && !record.finished) {
            fail(text("committed past job ", record.job, " at ", record.offset));
        }
    }
    note(text("member ", index, ": commits ", commit.assignment, " at ", commit.offset));

    const bool fails = !calm() && chance(scenario_.commit_trouble);
    const auto apply = [this, id = commit.assignment, index = assignment.log, offset = commit.offset, encoded] {
        if (logs_[index].owner != id) return;  // fenced
        logs_[index].committed = offset;
        logs_[index].metadata = encoded;
    };
    if (!fails || chance(30)) apply();
    later(index, between(0, 150), [this, index, id = commit.assignment, fails] {
        Member& committer = members_[static_cast<std::size_t>(index)];
        if (const auto still = committer.assignments.find(id); still != committer.assignments.end()) {
            still->second.committing = false;
        }
        step(index, event::Committed{id, !fails});
    });
}

void DeliveryWorld::perform(int index, const action::Detach& detach) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.slots.find(detach.slot);
    if (found == member.slots.end()) return fail("a record is detached that is not there");
    if (found->second.lease) fail("the record of a job in flight is detached");
    if (std::exchange(found->second.detached, true)) fail("a record is detached twice");
}

void DeliveryWorld::perform(int index, const action::Release& release) {
    Member& member = members_[static_cast<std::size_t>(index)];
    const auto found = member.assignments.find(release.assignment);
    note(text("member ", index, ": releases ", release.assignment));
    ++counts_.released;
    if (found == member.assignments.end()) return fail("a release of a partition that is gone");
    if (!found->second.revoking) fail("a release that nobody asked for");
    if (found->second.committing) fail("a release during a commit");
    for (const auto& [slot, held] : member.slots) {
        if (held.assignment == release.assignment) fail("a release with jobs in hand");
    }
    const std::size_t log = found->second.log;
    member.assignments.erase(found);
    logs_[log].owner.reset();
    at(now_ + between(0, 50), [this, log] { assign(log); });
}

void DeliveryWorld::perform(int index, const action::Probe&) {
    later(index, between(0, 5), [this, index] {
        step(index, event::WorkerProbed{now_ >= members_[static_cast<std::size_t>(index)].app_up_at});
    });
}

void DeliveryWorld::perform(int index, const action::Drained&) {
    Member& member = members_[static_cast<std::size_t>(index)];
    note(text("member ", index, " is drained"));
    ++counts_.drained;
    if (!member.draining) fail("drained without being asked");
    if (member.drained) fail("drained twice");
    if (!member.hands.empty()) fail("drained with jobs in flight");
    if (!member.slots.empty()) fail("drained with jobs in hand");
    member.drained = true;
    // The shell may take a moment to leave, but then the engine is gone, with whatever it still had to say.
    later(index, between(0, 300), [this, index] { drop_member(index); });
}

}  // namespace drover::sidecar
