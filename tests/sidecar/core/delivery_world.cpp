#include "tests/sidecar/core/delivery_world.h"

#include <algorithm>
#include <ostream>
#include <utility>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;

const Time beginning = time_from_millis(1'800'000'000'000);
const Time calm_at = beginning + 15s;
constexpr Duration ageing = 5s;                   // ReadyLanes's
constexpr Duration longest_look_into_lanes = 3s;  // the engine's
constexpr std::size_t ready_limit = 16;           // the engine's, of so small a concurrency

}  // namespace

std::ostream& operator<<(std::ostream& out, const Scenario& s) {
    return out << "{.ordering = jobqueue::Ordering::" << name_of(s.ordering) << ", .seed = " << s.seed
               << ", .jobs = " << s.jobs << ", .partitions = " << s.partitions << ", .members = " << s.members
               << ", .keys = " << s.keys << ", .concurrency = " << s.concurrency
               << ", .max_attempts = " << s.max_attempts << ", .steps = " << s.steps << ", .held_jobs = " << s.held_jobs
               << ", .disturbances = " << s.disturbances << ", .trouble = " << s.trouble
               << ", .write_trouble = " << s.write_trouble << ", .commit_trouble = " << s.commit_trouble
               << ", .violent = " << (s.violent ? "true" : "false") << ", .lanes = " << s.lanes
               << ", .batch = " << s.batch << ", .batch_wait = " << s.batch_wait
               << ", .pulled = " << (s.pulled ? "true" : "false") << ", .events = " << (s.events ? "true" : "false")
               << ", .leased = " << s.leased << ", .cancels = " << s.cancels << ", .duplicates = " << s.duplicates
               << ", .changes = " << s.changes << "}";
}

DeliveryWorld::Counts& DeliveryWorld::Counts::operator+=(const Counts& o) {
    completed += o.completed, dead_letters += o.dead_letters, handed_over += o.handed_over, repeated += o.repeated;
    retried += o.retried, timeouts += o.timeouts, refused += o.refused, throttled += o.throttled;
    deadlines += o.deadlines, released += o.released, drained += o.drained, lost += o.lost, killed += o.killed;
    write_failures += o.write_failures, hops += o.hops, dropped += o.dropped;
    accepted += o.accepted, renewed += o.renewed, late += o.late, handed_on += o.handed_on, cancelled += o.cancelled;
    cancelled_running += o.cancelled_running, batches += o.batches, half_batches += o.half_batches;
    out_of_lane += o.out_of_lane, duplicates += o.duplicates, events += o.events;
    reconfigured += o.reconfigured, exhausted += o.exhausted, crowded += o.crowded;
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
    config_.max_drain = 1500ms;
    config_.pulled = scenario.pulled;
    config_.batch_max_size = scenario.batch;
    config_.batch_max_wait = std::chrono::milliseconds(scenario.batch_wait);
    config_.lanes = static_cast<std::size_t>(scenario.lanes);
    config_.terminal_events = scenario.events;
    metadata_bytes_ = scenario.violent && chance(30) ? 24 : jobqueue::max_commit_metadata_bytes;

    logs_.resize(partitions() * (config_.lanes + config_.retry_steps.size()));
    for (std::size_t log = 0; log < logs_.size(); ++log) {
        const std::size_t topic = log / partitions();
        if (topic < config_.lanes) {
            logs_[log].lane = topic;
        } else {
            logs_[log].step = config_.retry_steps[topic - config_.lanes];
        }
    }

    for (int i = 0; i < scenario.jobs; ++i) {
        Job job{.partition = die(scenario.partitions),
                .lane = static_cast<std::size_t>(die(scenario.lanes)),
                .has_id = chance(80),
                .bytes = static_cast<std::size_t>(die(1000))};
        if (chance(90)) job.key = static_cast<std::uint64_t>(die(scenario.keys)) * 0x9e3779b97f4a7c15;
        if (chance(10)) job.max_attempts = 1 + die(5);
        if (chance(10)) job.timeout = between(100, 3000);
        const Time appended = beginning + (chance(60) ? Duration{0} : between(0, 6000));
        if (chance(10)) job.due_at = appended + between(0, 9000);
        if (chance(10)) job.deadline = appended + between(0, 8000);
        job.unfit = chance(3);
        job.too_large_to_retry = chance(3);
        job.too_large_for_dead_letters = chance(3);
        job.too_large_a_result = chance(3);
        jobs_.push_back(job);
        const auto appear = [this, i](Time when) {
            ++to_append_;
            at(when, [this, i, when] {
                --to_append_;
                const Job& appearing = jobs_[static_cast<std::size_t>(i)];
                append(appearing.lane * partitions() + static_cast<std::size_t>(appearing.partition),
                       {.job = i, .due_at = appearing.due_at, .appended_at = when});
            });
        };
        appear(appended);
        if (job.has_id && chance(scenario.duplicates)) appear(appended + between(0, 6000));
        if (chance(scenario.cancels)) {
            at(std::max(beginning, appended + between(-500, 8000)), [this, i] { take_back(i); });
        }
    }
    members_.resize(static_cast<std::size_t>(scenario.members));
    for (int member = 0; member < scenario.members; ++member) start(member);
    for (std::size_t log = 0; log < logs_.size(); ++log) assign(log);
    disturbances_left_ = scenario.disturbances;
    for (int i = 0; i < scenario.disturbances; ++i) at(beginning + between(0, 12'000), [this] { disturb(); });
    for (int i = 0; i < scenario.changes; ++i) at(beginning + between(0, 12'000), [this] { change(); });
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
        const int ends = (job.completed ? 1 : 0) + job.cancelled + job.dead_letters;
        if (!scenario_.violent && ends > 1) fail(text("job ", i, " ended ", ends, " times"));
        // A member that dies takes with it what it has not told yet: the job ends once more, and not always the same
        // way.
        const int told = scenario_.violent ? (job.dead_letters > 0 ? 0 : 1) : ends - job.dead_letters;
        if (scenario_.events && job.events < told) fail(text("nobody is told of the end of job ", i));
        if (scenario_.events && !scenario_.violent && job.events > told)
            fail(text("the end of job ", i, " is told twice"));
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

void DeliveryWorld::start(int index) {
    Member& member = member_at(index);
    const int life = member.life + 1;
    member = Member{};
    member.life = life;
    member.config = config_;
    member.most_concurrency = config_.concurrency;
    member.most_in_a_batch = config_.batch_max_size;
    member.engine = std::make_unique<DeliveryEngine>(config_, random_());
    if (!calm() && chance(50)) member.app_up_at = now_ + between(0, 2000);
    for (int job = 0; job < scenario_.jobs; ++job) {  // it reads the control topic to its end first
        if (jobs_[static_cast<std::size_t>(job)].is_taken_back) member.taken_back.insert(job);
    }
    note(text("member ", index, " starts"));
    step(index, event::Tick{});
    if (scenario_.pulled) pull(index);
}

void DeliveryWorld::drop_member(int index) {
    Member& member = member_at(index);
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
    Member& member = member_at(index);
    const int kind = die(scenario_.violent ? 6 : 4);
    if (kind == 0 && !member.draining) {
        note(text("member ", index, " drains"));
        member.draining = true;
        for (const auto& [id, assignment] : member.assignments) hurry(index, id);
        return step(index, event::Drain{});
    }
    if (kind == 1) {
        note(text("member ", index, " pauses"));
        member.paused = true;
        step(index, event::Paused{true});
        return later(index, between(1, 3000), [this, index] {
            member_at(index).paused = false;
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
    hurry(index, id);
    step(index, event::Revoking{id});
}

void DeliveryWorld::take_back(int job) {
    jobs_[static_cast<std::size_t>(job)].is_taken_back = true;
    note(text("job ", job, " is taken back"));
    for (int member = 0; member < scenario_.members; ++member) {
        later(member, between(0, 200), [this, member, job] { hear_taken_back(member, job); });
    }
}

void DeliveryWorld::hear_taken_back(int index, int job) {
    Member& member = member_at(index);
    member.taken_back.insert(job);
    std::vector<Slot> slots;
    for (const auto& [slot, held] : member.slots) {
        if (record_of(held).job == job) slots.push_back(slot);
    }
    for (const Slot slot : slots) step(index, event::Cancelled{slot});
}

// Somebody changes the JobQueue; each member hears of it when it does.
void DeliveryWorld::change() {
    config_.concurrency = 1 + die(6);
    config_.retry.max_attempts = 1 + die(5);
    config_.retry.initial = between(50, 500);
    config_.timeout = between(300, 1500);
    if (in_batches()) config_.batch_max_size = 2 + die(3);
    config_.batch_max_wait = between(0, 500);
    note(text("the queue is changed: concurrency ", config_.concurrency, ", attempts ", config_.retry.max_attempts));
    for (int member = 0; member < scenario_.members; ++member) {
        later(member, between(0, 200), [this, member] { hear_of_change(member); });
    }
}

void DeliveryWorld::hear_of_change(int index) {
    Member& member = member_at(index);
    member.config = config_;
    member.most_concurrency = std::max(member.most_concurrency, config_.concurrency);
    member.most_in_a_batch = std::max(member.most_in_a_batch, config_.batch_max_size);
    ++counts_.reconfigured;
    counts_.crowded += exchanges_of(member) > static_cast<std::size_t>(config_.concurrency) ? 1 : 0;
    step(index, event::Reconfigured{.retry = config_.retry,
                                    .concurrency = config_.concurrency,
                                    .batch_max_size = config_.batch_max_size,
                                    .batch_max_wait = config_.batch_max_wait,
                                    .rate_limit = {},
                                    .key_rate_limit = {},
                                    .timeout = config_.timeout});
}

void DeliveryWorld::step(int index, Event event) {
    if (!broken_.empty()) return;
    Member& member = member_at(index);
    const bool is_tick = std::holds_alternative<event::Tick>(event);
    const std::size_t exchanges_before = exchanges_of(member);
    const auto seen = member.engine->step(std::move(event), now_);
    const std::vector<Action> actions(seen.begin(), seen.end());
    member.idle_ticks = is_tick && actions.empty() ? member.idle_ticks + 1 : 0;
    if (member.idle_ticks > 20) fail("it wakes up for nothing, again and again");
    member.given.clear();
    for (const Action& action : actions) {
        if (!broken_.empty()) return;
        std::visit([&](const auto& what) { perform(index, what); }, action);
    }
    const auto given = std::exchange(member.given, {});
    for (const std::vector<Lease>& exchange : given) receive(index, exchange);
    if (!broken_.empty()) return;
    check_bounds(index, exchanges_before);
    check_leases(index);
    check_work_goes_on(index);
}

std::size_t DeliveryWorld::exchanges_of(const Member& member) const {
    if (!in_batches()) return member.hands.size();
    std::set<std::uint32_t> exchanges;
    for (const auto& [lease, hand] : member.hands) exchanges.insert(hand.exchange);
    return exchanges.size();
}

void DeliveryWorld::check_bounds(int index, std::size_t exchanges_before) {
    const Member& member = member_at(index);
    const DeliveryEngine& engine = *member.engine;
    if (engine.in_flight() != member.hands.size()) fail("in_flight() does not count the jobs in flight");
    // What was handed over when more was allowed goes on.
    if (exchanges_of(member) > std::max(static_cast<std::size_t>(member.config.concurrency), exchanges_before)) {
        fail("more in flight than the concurrency allows");
    }

    std::map<AssignmentId, std::size_t> held;
    std::map<std::size_t, std::size_t> waiting;  // by lane
    for (const auto& [slot, kept] : member.slots) {
        if (kept.lease) continue;
        ++held[kept.assignment];
        if (kept.letter == Letter::none) ++waiting[lane_of(kept)];
    }
    const auto most_in_flight = static_cast<std::size_t>(member.most_concurrency * member.most_in_a_batch);
    for (const auto& [id, count] : held) {
        if (count > config_.held_jobs + most_in_flight) fail(text("assignment ", id, " holds ", count, " jobs"));
    }
    if (scenario_.violent) return;  // of what is finished behind a long gap no map can tell: nothing more is taken
    for (const auto& [id, assignment] : member.assignments) {
        if (is_leaving(member, id) || held[id] > 0 || waiting[logs_[assignment.log].lane] >= ready_limit) continue;
        if (engine.room(id) == 0 || !engine.has_room())
            fail(text("no room for assignment ", id, ", of which nothing is here"));
    }
}

// What the app may know about its jobs.
void DeliveryWorld::check_leases(int index) {
    const Member& member = member_at(index);
    for (const auto& [lease, hand] : member.hands) {
        const auto standing = member.engine->standing(lease);
        if (standing.has_value() != (!hand.aborted && member.assignments.contains(hand.assignment))) {
            fail(text("job ", hand.job, " has a lease that is over, or none that is not"));
        }
        if (!standing) continue;
        if (standing->slot != hand.slot) fail("a lease of another job");
        if (standing->expires_at != hand.expires) fail(text("the lease of job ", hand.job, " ends at another time"));
        if (standing->leaving != is_leaving(member, hand.assignment)) fail("a lease does not tell that the job leaves");
    }
}

// With nothing in flight, what is ready goes: no event may be needed that does not come.
void DeliveryWorld::check_work_goes_on(int index) {
    const Member& member = member_at(index);
    if (!member.hands.empty() || member.paused || member.draining || !member.engine->worker_reachable()) return;
    if (scenario_.pulled && member.demand == 0) return;
    if (scenario_.lanes > 1 &&
        (!member.first_assigned_at || now_ < *member.first_assigned_at + longest_look_into_lanes))
        return;
    int ready = 0;
    bool has_waited = false;
    for (const auto& [slot, held] : member.slots) {
        if (!is_ready(member, held)) continue;
        ++ready;
        has_waited |= !in_batches() || ready_at(held) + member.config.batch_max_wait <= now_;
    }
    if (has_waited || (in_batches() && ready >= member.config.batch_max_size))
        fail("a job is ready, nothing in flight, and it waits");
}

bool DeliveryWorld::is_leaving(const Member& member, AssignmentId assignment) const {
    const auto found = member.assignments.find(assignment);
    return member.draining || (found != member.assignments.end() && found->second.revoking);
}

bool DeliveryWorld::is_before(const Held& first, const Held& second) {
    if (scenario_.ordering == jobqueue::Ordering::none || first.assignment != second.assignment) return false;
    if (first.record >= second.record) return false;
    if (scenario_.ordering == jobqueue::Ordering::partition) return true;
    return job_of(first).key && job_of(first).key == job_of(second).key;
}

Time DeliveryWorld::ready_at(const Held& held) {
    return std::max(held.since, record_of(held).due_at.value_or(held.since));
}

bool DeliveryWorld::is_ready(const Member& member, const Held& held) {
    const Job& job = job_of(held);
    if (held.lease || held.completed || held.letter != Letter::none || job.unfit) return false;
    if (in_place() && job.retried) return false;  // who knows until when
    if (ready_at(held) > now_ || (job.deadline && *job.deadline <= now_)) return false;
    return std::ranges::none_of(member.slots, [&](const auto& entry) { return is_before(entry.second, held); });
}

// While no job has waited long, none goes before one of a more urgent lane.
void DeliveryWorld::check_lane(int index, const Held& held) {
    const Member& member = member_at(index);
    const bool passes = std::ranges::any_of(member.slots, [&](const auto& entry) {
        return lane_of(entry.second) < lane_of(held) && is_ready(member, entry.second);
    });
    counts_.out_of_lane += passes ? 1 : 0;
    if (passes && now_ - held.arrived_at < ageing) fail("a job goes before one of a more urgent lane");
}

void DeliveryWorld::check_order(int index, const Held& held) {
    if (scenario_.ordering == jobqueue::Ordering::none) return;
    const Member& member = member_at(index);
    const Log& log = logs_[held.log];
    const Job& job = job_of(held);
    if (scenario_.ordering == jobqueue::Ordering::key && !job.key) return;
    for (std::size_t i = 0; i < held.record; ++i) {
        const Record& earlier = log.records[i];
        const Job& other = jobs_[static_cast<std::size_t>(earlier.job)];
        if (scenario_.ordering == jobqueue::Ordering::key && other.key != job.key) continue;
        if (!other.unfit && !other.completed && !earlier.finished && !member.taken_back.contains(earlier.job)) {
            fail(text("job ", log.records[held.record].job, " is handed over before job ", earlier.job));
        }
    }
    for (const auto& [lease, hand] : member.hands) {
        const Job& other = jobs_[static_cast<std::size_t>(hand.job)];
        if (hand.assignment != held.assignment) continue;
        if (scenario_.ordering == jobqueue::Ordering::key && other.key != job.key) continue;
        fail("two jobs of one sequence are in flight");
    }
}

void DeliveryWorld::perform(int index, const action::Drained&) {
    Member& member = member_at(index);
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
