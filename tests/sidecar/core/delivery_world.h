// A world in virtual time around delivery engines: Kafka's partitions with their commits, a consumer group that moves
// them, apps that answer, hang, crash and refuse, people who take jobs back. It watches every promise of the engine and
// stops at the first that is broken. Everything follows from the scenario: the same one runs the same way.
//
// delivery_world.cpp has the course of things and what holds after every step, delivery_world_kafka.cpp what is read,
// written and committed, delivery_world_app.cpp what is handed over and what becomes of it.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "sidecar/core/delivery_engine.h"

namespace drover::sidecar {

struct Scenario {
    jobqueue::Ordering ordering = jobqueue::Ordering::none;
    unsigned seed = 0;
    int jobs = 10;
    int partitions = 1;
    int members = 1;
    int keys = 2;
    int concurrency = 2;
    int max_attempts = 3;
    int steps = 2;  // retry topics; 0: retries wait in their place
    int held_jobs = 8;
    int disturbances = 0;
    int trouble = 30;  // how many of a hundred tries go wrong
    int write_trouble = 20;
    int commit_trouble = 20;
    bool violent = false;  // members die, partitions are lost, writes fail after all, maps do not fit

    int lanes = 1;
    int batch = 1;       // most jobs in one hand-over
    int batch_wait = 0;  // milliseconds
    bool pulled = false;
    bool events = false;
    int leased = 0;      // how many of a hundred tries are answered 202
    int cancels = 0;     // how many of a hundred jobs are taken back
    int duplicates = 0;  // how many of a hundred are produced twice
    int changes = 0;     // how often the queue's configuration is changed
};
std::ostream& operator<<(std::ostream& out, const Scenario& scenario);

class DeliveryWorld {
public:
    explicit DeliveryWorld(const Scenario& scenario);

    // Until every job has ended and every offset is committed, or a promise is broken: then which one, else "".
    std::string run();
    std::string trace() const;

    // What happened, so that a test can tell that it tested something.
    struct Counts {
        int completed = 0, dead_letters = 0, handed_over = 0, repeated = 0, retried = 0, timeouts = 0, refused = 0;
        int throttled = 0, deadlines = 0, released = 0, drained = 0, lost = 0, killed = 0, write_failures = 0, hops = 0;
        int dropped = 0;
        int accepted = 0, renewed = 0, late = 0, handed_on = 0;  // handed_on: leased for longer than max_drain
        int cancelled = 0, cancelled_running = 0, batches = 0, half_batches = 0, out_of_lane = 0, duplicates = 0;
        int events = 0;
        int reconfigured = 0, exhausted = 0, crowded = 0;  // crowded: with more in flight than is allowed from now on
        Counts& operator+=(const Counts& other);
    };
    const Counts& counts() const { return counts_; }

private:
    struct Job {
        int partition = 0;
        std::size_t lane = 0;
        bool has_id = false;
        std::optional<std::uint64_t> key;
        std::size_t bytes = 0;
        std::optional<int> max_attempts;
        std::optional<Duration> timeout;
        std::optional<Time> deadline, due_at;
        bool unfit = false;
        bool too_large_to_retry = false, too_large_for_dead_letters = false, too_large_a_result = false;

        int attempts_used = 0;
        int in_flight = 0;
        bool retried = false;  // at least once
        bool completed = false;
        bool is_taken_back = false;  // by people
        int cancelled = 0;           // how often it ended so
        int dead_letters = 0;
        int events = 0;
        Time not_before{};  // no try before, by what the app answered
        bool ended() const { return completed || dead_letters > 0 || cancelled > 0; }
    };
    struct Record {
        std::int64_t offset = 0;
        int job = 0;
        int attempts_made = 0;
        int hops = 0;
        std::optional<Fingerprint> print;
        std::optional<Time> due_at;
        Time appended_at{};
        bool finished = false;  // completed, or what carries it on is acknowledged
    };
    struct Log {
        std::vector<Record> records;
        std::int64_t end = 0;
        std::size_t lane = 0;
        Duration step{0};
        std::int64_t committed = 0;
        std::string metadata;
        std::optional<AssignmentId> owner;
    };
    struct Assignment {
        std::size_t log = 0;
        std::size_t next = 0;  // index of the record to fetch
        std::int64_t told_end = -1;
        bool revoking = false;
        bool committing = false;
        std::map<Fingerprint, std::size_t> tries;  // that were handed over, by the record
    };
    enum class Letter { none, retry, dead_letter, event };
    struct Held {
        std::size_t log = 0;
        std::size_t record = 0;
        AssignmentId assignment = 0;
        Time arrived_at{};  // not ready before
        Time since{};       // ready by then, but for what is_ready() asks
        std::optional<Lease> lease;
        Letter letter = Letter::none;
        bool completed = false, refused_size = false, detached = false;
    };
    struct HandOver {
        Slot slot = 0;
        int job = 0;
        AssignmentId assignment = 0;
        std::uint32_t exchange = 0;
        Time at{}, expires{};
        Duration timeout{0};
        std::optional<Time> leave_by;
        bool leased = false, aborted = false, expired = false;
    };
    struct Member {
        std::unique_ptr<DeliveryEngine> engine;
        EngineConfig config;                            // that it goes by: others may have heard of a newer one
        int most_concurrency = 0, most_in_a_batch = 0;  // in its life
        int life = 0;
        std::map<AssignmentId, Assignment> assignments;
        std::map<Slot, Held> slots;
        std::map<Lease, HandOver> hands;
        std::vector<std::vector<Lease>> given;  // in the step that is performed, by exchange
        Lease last_lease = 0;
        std::set<int> taken_back;  // jobs, as far as it has heard
        std::size_t demand = 0;
        Time app_up_at{};
        std::optional<Time> first_assigned_at;
        int idle_ticks = 0;
        bool paused = false, draining = false, drained = false;
    };

    // The world's dice.
    bool chance(int percent) { return die(100) < percent; }
    int die(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }
    Duration between(int low_millis, int high_millis) {
        return std::chrono::milliseconds(low_millis + die(high_millis - low_millis + 1));
    }
    bool calm() const;

    template <class... Parts>
    static std::string text(const Parts&... parts) {
        std::ostringstream out;
        (out << ... << parts);
        return out.str();
    }
    void fail(const std::string& promise);
    void note(const std::string& what);
    void at(Time when, std::function<void()> what) {
        schedule_.emplace(std::pair(when, ++scheduled_), std::move(what));
    }
    // Only if the member still lives then.
    void later(int member, Duration wait, std::function<void()> what);

    void start(int member);
    void drop_member(int member);
    void disturb();
    void take_back(int job);
    void change();
    void hear_of_change(int member);
    void hear_taken_back(int member, int job);
    void step(int member, Event event);
    std::size_t exchanges_of(const Member& member) const;
    void check_bounds(int member, std::size_t exchanges_before);
    void check_leases(int member);
    void check_work_goes_on(int member);
    void check_order(int member, const Held& held);
    void check_lane(int member, const Held& held);

    // Kafka.
    void append(std::size_t log, Record record);
    void assign(std::size_t log);
    void fetch(int member);
    void write(int member, Slot slot, bool too_large, Letter letter, std::function<void()> land);
    void perform(int member, const action::WriteRetry&);
    void perform(int member, const action::WriteDeadLetter&);
    void perform(int, const action::RetryInPlace&) {}  // only told
    void perform(int member, const action::WriteEvent&);
    void perform(int member, const action::Settled&);
    void perform(int member, const action::Commit&);
    void perform(int member, const action::Detach&);
    void perform(int member, const action::Release&);
    void perform(int, const action::ReportUsage&) {}

    // The app.
    struct Reply {
        Duration wait{0};
        WorkerAnswer::Kind kind = WorkerAnswer::Kind::response;
        int status = 200;
        std::string retry_after;
        bool never = false;
    };
    Reply reply_of_app(int member);
    void receive(int member, const std::vector<Lease>& exchange);
    void work(int member, Lease lease, int heartbeats);
    void accept(int member, Lease lease);
    void renew(int member, Lease lease);
    void hurry(int member, AssignmentId assignment);
    void pull(int member);
    void answer(int member, Lease lease, const Reply& reply);
    void perform(int member, const action::HandOver&);
    void perform(int member, const action::Abort&);
    void perform(int member, const action::Probe&);
    void perform(int member, const action::Drained&);

    Job& job_of(const Held& held) { return jobs_[static_cast<std::size_t>(logs_[held.log].records[held.record].job)]; }
    Record& record_of(const Held& held) { return logs_[held.log].records[held.record]; }
    Member& member_at(int index) { return members_[static_cast<std::size_t>(index)]; }
    std::size_t lane_of(const Held& held) { return scenario_.lanes > 1 ? job_of(held).lane : 0; }
    bool is_leaving(const Member& member, AssignmentId assignment) const;
    bool is_before(const Held& first, const Held& second);  // of one sequence: it has to end first
    bool is_ready(const Member& member, const Held& held);  // for certain; else it may be, too
    bool is_repeated(const Held& held) const;               // an earlier record of its log is the same try
    Time ready_at(const Held& held);
    static int most_attempts(const Member& member, const Job& job) {
        return job.max_attempts.value_or(member.config.retry.max_attempts);
    }
    static Duration timeout_of(const Member& member, const Job& job) {
        return std::min(job.timeout.value_or(member.config.timeout), member.config.timeout);
    }
    bool in_place() const { return scenario_.ordering != jobqueue::Ordering::none || config_.retry_steps.empty(); }
    bool in_batches() const { return scenario_.batch > 1 && !scenario_.pulled; }
    std::size_t partitions() const { return static_cast<std::size_t>(scenario_.partitions); }
    bool finished() const;

    Scenario scenario_;
    EngineConfig config_;  // the newest
    std::size_t metadata_bytes_;
    std::mt19937 random_;
    Time now_;
    std::vector<Job> jobs_;
    std::vector<Log> logs_;  // [topic * partitions + partition], first the lanes' topics
    std::vector<Member> members_;
    std::map<std::pair<Time, std::uint64_t>, std::function<void()>> schedule_;
    std::uint64_t scheduled_ = 0;
    AssignmentId last_assignment_ = 0;
    int disturbances_left_ = 0;
    int to_append_ = 0;
    std::string broken_;
    std::vector<std::string> trace_;
    Counts counts_;
};

}  // namespace drover::sidecar
