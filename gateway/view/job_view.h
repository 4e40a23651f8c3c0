// The view of all jobs: what their lifecycle events come to, in a database, SQLite or PostgreSQL. Room: gateway/view.
//
// Kafka is the truth. The view may be deleted at any moment: it says up to where it has read the events, in the same
// transaction as the rows, and is read from the topic's beginning where it says nothing. It can always be behind.
//
// A JobView is one connection. All calls block, so none is for the gateway's loop: see view_readers.h. One thread at a
// time; any number of objects, also of several gateways on one PostgreSQL, may be open on one database.
//
// Errors, of every call:
//   unavailable, retryable   the database is away, locked, full, damaged, or was exchanged below us. The call did
//   nothing.
//                            The next one connects again; a damaged SQLite file is set aside as <file>.damaged and
//                            begun anew, a lost or empty database gets its tables.
//   conflict                 its schema is a newer program's: we touch nothing. Or see apply().
//   invalid                  a cursor that list() did not make
//   internal                 a row that is not one of ours: clear() and feed anew
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gateway/core/job.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/jobqueue/lifecycle_event.h"

namespace drover::gateway {

// Partition of the events topic -> the offset that comes next. Without an entry: its beginning.
using EventPositions = std::map<int, std::int64_t>;

// Borrows what the event borrows.
struct PlacedEvent {
    jobqueue::LifecycleEvent event;
    int partition = 0;
    std::int64_t offset = 0;
};

struct EventBatch {
    std::span<const PlacedEvent> events;  // of each partition in order
    EventPositions from;                  // all of each partition from here on …
    EventPositions to;  // … to before here is in it, or is nothing (bad records, transaction markers)
};

// A job that looks different now. Of one that was removed the state says so.
struct JobChange {
    JobKey key;
    std::optional<Job> job;  // nothing: told by another gateway; ask the view if somebody wants to know
    // What else came, that the job itself does not show.
    bool has_logs = false, has_intermediate_result = false;
};

struct Forgotten {
    std::int64_t jobs = 0;
    bool more = false;  // call again, soon
};

class JobView {
public:
    virtual ~JobView() = default;

    // --- feeding: one thread of one gateway at a time, see lead()

    virtual Result<EventPositions> positions() = 0;

    // All of it, in one transaction, or nothing. How events of a job come to its row is in gateway/core/job_record.h:
    // their order does not matter, nor that they come again. What the view has read already (positions()) is passed
    // over, so that a batch may come twice. `conflict`: `from` is behind which the view has not read, so there would be
    // a gap; ask positions() again. Answers which jobs changed, each once.
    virtual Result<std::vector<JobChange>> apply(const EventBatch& batch) = 0;

    // Whether we are the one that feeds this database, until the connection is lost or released. Asks, does not wait.
    // With SQLite always true. It only saves work: apply() would be right with several.
    virtual Result<bool> lead() = 0;

    // For one that does not lead: waits at most `timeout` for batches that another gateway applies, and answers which
    // jobs they changed, without saying how. The first call after connecting begins to listen: what came before is
    // missed, as it is when the connection is lost, which is an Error. With SQLite there is no other: empty, at once.
    virtual Result<std::vector<JobChange>> follow(std::chrono::milliseconds timeout) = 0;

    // Drops what `retention` no longer keeps of a queue, at most `limit` jobs, in one transaction. What finished less
    // than a minute ago is kept: late events of it would make it anew, as a job that waits for ever. Counts go down;
    // figures stay.
    virtual Result<Forgotten> forget(const std::string& queue, const QueueRetention& retention, Time now,
                                     int limit) = 0;
    // The same for what is no job: traces of removed ones and logs without a job, after a day; and figures of minutes
    // before `figures_from`.
    virtual Result<Forgotten> forget_traces(Time now, Time figures_from, int limit) = 0;

    // Everything goes, the positions too.
    virtual Result<void> clear() = 0;

    // --- asking

    // All jobs of this id, of any queue; empty: there is none.
    virtual Result<std::vector<JobDetail>> jobs(const std::string& id) = 0;
    virtual Result<std::optional<JobDetail>> job(const JobKey& key) = 0;
    // By run, attempt and time; the newest 200. Empty where there is no such job.
    virtual Result<std::vector<Transition>> history(const JobKey& key) = 0;
    // Oldest first; the newest 1,000 entries of the job's run.
    virtual Result<std::vector<LogEntry>> logs(const JobKey& key) = 0;

    // `limit` from 1 to 1,000. Costs a query for each queue and state that is asked for and has jobs, and a look at no
    // more than about 4,000 jobs.
    virtual Result<JobPage> list(const JobFilter& filter, const std::string& cursor, int limit) = 0;

    // Kept with the rows, in the same transaction; cheap.
    virtual Result<QueueCounts> counts() = 0;
    // The same counted anew over all rows, to check against: a second for a million.
    virtual Result<QueueCounts> recount() = 0;

    // Of whole minutes from the one of `since` on. "": of all queues together.
    virtual Result<QueueFigures> figures(const std::string& queue, Time since) = 0;

    // Of each queue that has jobs or in which something happened since the minute of `since`.
    virtual Result<std::map<std::string, QueuePulse>> pulses(Time since) = 0;

    // Since when the job is in its state that has been in it longest, by state; "" is not a queue here.
    virtual Result<std::map<JobState, Time>> oldest(const std::string& queue) = 0;
};

// `where`: sqlite:<path>, or a connection string of libpq, postgresql://… or key=value
// pairs. Does not connect: `invalid` where it is neither.
struct JobViewSettings {
    std::string where;
    Duration patience = std::chrono::seconds(5);  // for a lock, for a connection
};
Result<std::unique_ptr<JobView>> open_job_view(const JobViewSettings& settings);

}  // namespace drover::gateway
