// Decides what a sidecar does next: which job is handed over, what its answer leads to, how far each partition is
// committed. Pure: it takes events with the time and returns actions; the shell (sidecar/) performs them. Room:
// sidecar/core.
//
// Life of a job, named by the slot in which the shell keeps its record:
//
//   Arrived ─► held ──────────► ready ─► in flight ─► (Answered) ─► settled: completed
//              (not due yet, or   ▲          │
//              behind its key)    │          ├─► writing a letter ─► (Written) ─► settled
//                                 └──────────┴─► held again: retried in its place, or the app was not there
//
// Every Arrived slot is Settled exactly once; until then its record must be kept, and from then on the slot may be used
// again. Every HandOver is answered by exactly one Answered, an Abort of it too (its verdict is then `aborted`).
// An assignment's number is used once, so it is its epoch: events that name one that is gone change nothing.
//
// A hand-over is an exchange: one request of ours that one answer ends. Where jobs go in batches, several HandOvers of
// one step have the same exchange. A *leased* job outlives its exchange: the app pulled it, or answered that it works
// on it (Accepted). It stays in flight until its Answered, and no longer than its lease, which the app renews.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "sidecar/core/finished_window.h"
#include "sidecar/core/offset_tracker.h"
#include "sidecar/core/outcome.h"
#include "sidecar/core/rate_limits.h"
#include "sidecar/core/ready_lanes.h"
#include "sidecar/core/slot.h"
#include "src/base/time.h"
#include "src/jobqueue/commit_metadata.h"
#include "src/jobqueue/resource.h"
#include "src/jobqueue/retry_policy.h"

namespace drover::sidecar {

using AssignmentId = std::uint32_t;
using Lease = std::uint64_t;  // of one hand-over: never used twice
inline Slot slot_of(Lease lease) { return static_cast<Slot>(lease & 0xffff'ffff); }

struct EngineConfig {
    jobqueue::Ordering ordering = jobqueue::Ordering::none;
    jobqueue::RetryPolicy retry;
    std::vector<Duration> retry_steps;  // of the retry topics, ascending; empty: every retry waits in its place
    bool pulled = false;                // the app asks for jobs, and is not called
    int concurrency = 8;                // exchanges at once; of leased jobs, jobs
    int batch_max_size = 1;
    Duration batch_max_wait{0};                    // how long the first job of a batch waits for others
    std::size_t lanes = 1;                         // 0 is the most urgent
    bool terminal_events = false;                  // a job's end is written before it is finished
    std::optional<jobqueue::Rate> rate_limit;      // of the queue, in all pods together
    std::optional<jobqueue::Rate> key_rate_limit;  // of each key
    int all_partitions = 1;                        // of all lanes, in all pods
    Duration timeout = std::chrono::seconds(30);
    Duration max_drain = std::chrono::seconds(30);  // how long leased jobs have when their partition goes
    Duration commit_interval = std::chrono::milliseconds(100);
    std::size_t held_bytes = 16 * 1024 * 1024;  // records kept in memory beside those in flight, over all partitions
    std::size_t held_jobs = 1024;               // per partition
    bool paused = false;
};

namespace event {
struct Assigned {
    AssignmentId assignment = 0;
    std::int64_t committed = 0;
    jobqueue::CommitMetadata metadata;
    Duration retry_step{0};  // of the topic; zero: the main topic or a lane's
    std::size_t lane = 0;    // of a lane's topic
};
// Finish, commit, then Release follows.
struct Revoking {
    AssignmentId assignment = 0;
};
// Somebody else's already: drop everything.
struct Lost {
    AssignmentId assignment = 0;
};
struct Arrived {
    AssignmentId assignment = 0;
    Slot slot = 0;
    std::int64_t offset = 0;
    std::size_t bytes = 0;             // that keeping it takes
    std::optional<std::uint64_t> key;  // hash of the record's key
    int attempts_made = 0;
    std::optional<int> max_attempts;  // where the job has its own
    std::optional<Duration> timeout;  // the same; the queue's is the longest
    std::optional<Time> due_at, deadline;
    Time appended_at{};                      // the record's timestamp
    std::optional<std::size_t> lane;         // where it is not its partition's
    std::optional<Fingerprint> fingerprint;  // of this try, where the job has an id of its own
    bool cancelled = false;                  // before it came
    std::unique_ptr<jobqueue::Cause> unfit;  // set: to the dead letters with it, without a try
};
// A job below the committed offset, read back: this try of it was finished.
struct Finished {
    AssignmentId assignment = 0;
    Fingerprint fingerprint = 0;
};
struct ReachedEnd {
    AssignmentId assignment = 0;
    std::int64_t offset = 0;
};
struct Answered {
    Lease lease = 0;
    Outcome outcome;
};
// The exchange is over, and the job goes on: the app answers later, by its lease.
struct Accepted {
    Lease lease = 0;
};
// The app still works on it.
struct Renewed {
    Lease lease = 0;
    std::optional<Duration> lasts;  // else as long as the job's timeout
};
// Somebody took it back. What is in flight is told so, and its end counts unless it is done.
struct Cancelled {
    Slot slot = 0;
};
// Of an app that pulls: for how many jobs it waits now.
struct Demanded {
    std::size_t jobs = 0;
};
// What another pod said about its share of the queue's rate, at this time of the broker's.
struct UsageHeard {
    std::string pod;
    QueueRate::Report report;
    Time at{};
};
struct Written {
    Slot slot = 0;
};
struct WriteFailed {
    Slot slot = 0;
    bool too_large = false;
};
struct Committed {
    AssignmentId assignment = 0;
    bool ok = true;
};
struct WorkerProbed {
    bool reachable = false;
};
struct Paused {
    bool paused = true;
};
// The queue is another one in these respects, as EngineConfig has them: whatever happens from now on happens by them.
// What is in flight goes on as it was handed over; what waits for its next try waits as long as it was told.
struct Reconfigured {
    jobqueue::RetryPolicy retry;
    int concurrency = 8;  // with more in flight than that, nothing is handed over until there are fewer
    int batch_max_size = 1;
    Duration batch_max_wait{0};
    std::optional<jobqueue::Rate> rate_limit;
    std::optional<jobqueue::Rate> key_rate_limit;
    Duration timeout = std::chrono::seconds(30);
};
struct Drain {};  // hand nothing over any more: what waits is dropped, what is in flight is finished, Drained follows
struct Tick {};   // time has passed
}  // namespace event

using Event = std::variant<event::Assigned, event::Revoking, event::Lost, event::Arrived, event::Finished,
                           event::ReachedEnd, event::Answered, event::Accepted, event::Renewed, event::Cancelled,
                           event::Demanded, event::UsageHeard, event::Written, event::WriteFailed, event::Committed,
                           event::WorkerProbed, event::Paused, event::Reconfigured, event::Drain, event::Tick>;

namespace action {
struct HandOver {
    Slot slot = 0;
    Lease lease = 0;
    int attempt = 1;
    int max_attempts = 1;
    std::uint32_t exchange = 0;  // of a batch; 0: it has one of its own
};
struct Abort {
    Lease lease = 0;
};
struct WriteRetry {
    Slot slot = 0;
    std::size_t step = 0;  // index into EngineConfig::retry_steps
    int attempts_made = 0;
    Time due_at{};
    jobqueue::Cause cause;
    enum class Why { failed, held_back, not_due } why = Why::failed;  // the last two cost no attempt
};
// An attempt failed, and the job waits in its place.
struct RetryInPlace {
    Slot slot = 0;
    int attempts_made = 0;
    Time due_at{};
    jobqueue::Cause cause;
};
struct WriteDeadLetter {
    Slot slot = 0;
    int attempts_made = 0;
    jobqueue::Cause cause;
    bool tried = true;             // false: dead without this attempt
    bool without_payload = false;  // the record is too large even for that topic
};
// The job's end, for those who follow it. Where it cannot be written as it is, `without_result`.
struct WriteEvent {
    Slot slot = 0;
    bool cancelled = false;  // else completed
    bool without_result = false;
};
struct Settled {
    Slot slot = 0;
    enum class How {
        completed,
        cancelled,
        retried,        // its retry record is safe
        dead_lettered,  // its dead letter is safe
        moved,          // its record went on to another retry step, no attempt used
        repeated,       // was finished before
        dropped,        // the partition is no longer ours, or will not be: another owner gets it
    } how = How::completed;
    Duration busy{0};  // in flight, in all tries here
};
struct Commit {
    AssignmentId assignment = 0;
    std::int64_t offset = 0;
    jobqueue::CommitMetadata metadata;
};
// The job stays for long: its record is to be kept by itself, not with all that it came with.
struct Detach {
    Slot slot = 0;
};
struct Release {
    AssignmentId assignment = 0;
};
struct ReportUsage {
    QueueRate::Report report;
};
struct Probe {};
struct Drained {};
}  // namespace action

using Action = std::variant<action::HandOver, action::Abort, action::WriteRetry, action::RetryInPlace,
                            action::WriteDeadLetter, action::WriteEvent, action::Settled, action::Commit,
                            action::Detach, action::Release, action::ReportUsage, action::Probe, action::Drained>;

// What a person wants to know when jobs stand still: a partition takes nothing more, and this key, whose first job is
// being retried in its place or cannot be written, has the most of them.
struct BlockedKey {
    AssignmentId assignment = 0;
    Slot slot = 0;  // the job that everything behind it waits for
    std::size_t waiting = 0;
};

class DeliveryEngine {
public:
    // `seed` starts the jitter's pseudo-random sequence.
    DeliveryEngine(EngineConfig config, std::uint64_t seed);

    // The actions are valid until the next call. Time never goes backwards; an earlier `now` reads as the latest seen.
    std::span<Action> step(Event event, Time now);

    // When to step(Tick) at the latest; nothing when there is nothing to wait for.
    std::optional<Time> next_wakeup() const;

    // How many records of this assignment may be taken now: back-pressure is not taking.
    std::size_t room(AssignmentId assignment) const;
    bool has_room() const;  // false: no assignment has any

    // What the app may know about a job that it names by its lease; nothing: the lease is over.
    struct Standing {
        Slot slot = 0;
        Time expires_at{};
        bool leaving = false;  // its partition goes: it is to be finished soon
    };
    std::optional<Standing> standing(Lease lease) const;

    std::size_t in_flight() const { return in_flight_; }
    std::size_t held() const { return held_jobs_; }
    std::size_t ready() const { return ready_.size(); }
    bool worker_reachable() const { return worker_ == Worker::reachable; }
    std::optional<BlockedKey> blocked_key() const;

private:
    // limited: its key has had its share, and it waits for the next time that it has one.
    enum class State { free, parked, delayed, limited, ready, in_flight, writing, write_waits };
    using Exchange = std::uint32_t;
    enum class Worker { unknown, probing, unreachable, reachable };

    struct Sequence {  // the jobs of one key, in order; the head has its turn
        std::deque<Slot> jobs;
    };

    struct Partition {
        explicit Partition(const event::Assigned& assigned);
        OffsetTracker tracker;
        Duration retry_step{0};
        std::size_t lane = 0;
        FinishedWindow window;
        struct Retry {
            int attempts_made = 0;
            Time due_at{};
        };
        std::map<std::int64_t, Retry> retries;  // of jobs that are retried in their place, by offset
        std::uint64_t busy_micros = 0;
        std::uint64_t completions = 0;
        std::unordered_map<std::uint64_t, Sequence> sequences;
        std::unordered_map<std::uint64_t, Time>
            moved_until;             // of keys over their limit: when the last one moved is due
        std::size_t unsettled = 0;   // jobs that arrived and are not settled
        std::size_t held_bytes = 0;  // of those that are not in flight
        std::size_t held_jobs = 0;
        Time commit_at{};    // no commit before: the last one failed
        bool dirty = false;  // there is something to commit
        bool committing = false;
        bool revoking = false;
        bool seen = false;  // something of it has arrived, or there is nothing
    };

    // What is to be written about a job that will not go on here.
    using Letter = std::variant<std::monostate, action::WriteRetry, action::WriteDeadLetter, action::WriteEvent>;

    struct Job {
        State state = State::free;
        AssignmentId assignment = 0;
        std::int64_t offset = 0;
        std::size_t bytes = 0;
        std::size_t lane = 0;
        std::optional<std::uint64_t> key, sequence;
        std::uint32_t handovers = 0;  // the upper half of the lease
        int attempts_made = 0;
        std::optional<int> own_max_attempts;
        std::optional<Duration> own_timeout;
        Duration timeout{0};  // of the try that is in flight
        Time due_at{};
        Time appended_at{};
        std::optional<Time> deadline;
        Time wake_at{};  // of delayed and write_waits
        Time handed_over_at{}, expires_at{};
        Duration busy{0};
        Exchange exchange = 0;  // of a batch
        bool detached = false;
        bool leased = false;
        bool aborted = false;  // for its timeout or deadline, or because the partition was lost
        bool cancelled = false;
        std::optional<Time> leave_by;  // of a job whose partition goes, if it is leased or renewed
        int write_failures = 0;
        Letter letter;
    };

    struct Sleeper {  // those of one time wake in the order in which they were submitted
        Time at{};
        std::int64_t offset = 0;
        Slot slot = 0;
        auto operator<=>(const Sleeper&) const = default;
    };

    void on(event::Assigned&);
    void on(event::Revoking&);
    void on(event::Lost&);
    void on(event::Arrived&);
    void on(event::Finished&);
    void on(event::ReachedEnd&);
    void on(event::Answered&);
    void on(event::Accepted&);
    void on(event::Renewed&);
    void on(event::Cancelled&);
    void on(event::Demanded&);
    void on(event::UsageHeard&);
    void on(event::Written&);
    void on(event::WriteFailed&);
    void on(event::Committed&);
    void on(event::WorkerProbed&);
    void on(event::Paused&);
    void on(event::Reconfigured&);
    void on(event::Drain&);
    void on(event::Tick&) {}

    bool retries_in_place() const;
    bool stays_in_order() const { return config_.ordering != jobqueue::Ordering::none; }
    Sleeper sleeper(Slot slot) const { return {jobs_[slot].wake_at, jobs_[slot].offset, slot}; }
    Partition* partition_of(const Job& job);
    const Partition* partition_of(const Job& job) const;
    Job* leased_out(Lease lease);  // nothing: that hand-over is over
    bool is_leaving(const Partition& partition) const { return draining_ || partition.revoking; }
    bool is_full(const Partition& partition) const;
    int max_attempts_of(const Job& job) const;
    bool is_exhausted(const Job& job) const { return job.attempts_made >= max_attempts_of(job); }
    std::size_t held_share() const;
    std::size_t ready_limit() const;

    void enter(Slot slot, State state);  // every change of state, with the counts that follow it
    void offer(Slot slot);               // the job's turn has come: ready, delayed until due, moved on or buried
    void delay(Slot slot, State state, Time until);
    void detach(Slot slot);
    void give_back(Slot slot);
    void abort(Slot slot);
    void expire(Job& job, Time at);
    void hurry(AssignmentId assignment);
    void end(Slot slot, bool cancelled);
    void fail(Slot slot, Outcome&& outcome);
    void bury(Slot slot, jobqueue::Cause&& cause, bool tried);
    void write(Slot slot, Letter letter);
    void settle(Slot slot, action::Settled::How how);
    void next_in_sequence(Partition& partition, Slot slot);
    void drop_waiting(AssignmentId assignment);
    void mark_dirty(Partition& partition);
    void commit(AssignmentId assignment, Partition& partition);
    void worker_is_unreachable();
    std::size_t step_for(Duration wait) const;
    double random_unit();

    void wake_due_jobs();
    void abort_expired();
    void probe_worker();
    void share_rate();
    void limit(const std::optional<jobqueue::Rate>& rate, const std::optional<jobqueue::Rate>& key_rate);
    bool is_held_by_key_limit(Slot slot);
    bool may_hand_over();
    Time batch_due_at() const;
    void hand_over();
    void commit_dirty();
    void finish_revokes();
    void finish_drain();

    EngineConfig config_;
    std::uint64_t random_state_;
    Time now_{};
    std::vector<Action> actions_;

    std::vector<Job> jobs_;  // by slot
    std::unordered_map<AssignmentId, Partition> partitions_;
    ReadyLanes ready_;
    std::size_t demanded_ = 0;  // by an app that pulls
    std::optional<QueueRate> queue_rate_;
    std::optional<KeyRates> key_rates_;
    std::optional<Time> rate_free_at_;  // when the queue's rate may allow the next one, where one waits for that
    Time wants_rate_until_{};
    std::unordered_map<Exchange, int> exchanges_;  // jobs in flight of each batch
    Exchange last_exchange_ = 0;
    bool lanes_known_ = false;           // each lane has been looked into: the first hand-over can choose
    Time lanes_known_at_ = Time::max();  // at the latest
    std::set<Sleeper> delayed_;
    std::size_t in_flight_ = 0;
    std::size_t held_jobs_ = 0;
    std::size_t writing_ = 0;  // and waiting to be written again
    std::size_t dirty_ = 0;    // partitions
    std::size_t revoking_ = 0;

    double allowed_;     // jobs in flight, ≤ concurrency: less while the app is overloaded
    Time lowered_at_{};  // when it was lowered last
    Worker worker_ = Worker::unknown;
    Time probe_at_{};
    Duration probe_backoff_{0};
    Time next_expiry_ = Time::max();  // no job in flight expires before
    Time next_commit_{};
    bool paused_ = false;
    bool draining_ = false;
    bool drained_ = false;
};

}  // namespace drover::sidecar
