#include "gateway/view/batch_writer.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "gateway/core/job_record.h"
#include "gateway/core/job_record_json.h"
#include "gateway/core/minute_record.h"
#include "gateway/view/announcement.h"
#include "gateway/view/job_rows.h"

namespace drover::gateway {
namespace {

using jobqueue::JobEvent;
using jobqueue::LifecycleEvent;

constexpr std::string_view select_positions = "SELECT part, next FROM positions";
constexpr auto insert = RowsStatement::Use::insert, keys_of = RowsStatement::Use::keys;

constexpr RowsStatement upsert_positions{insert, "INSERT INTO positions (part, next) ", "nn",
                                         "ON CONFLICT (part) DO UPDATE SET next = excluded.next"};

constexpr RowsStatement select_jobs{
    keys_of,
    "SELECT j.queue, j.id, j.state, j.since, j.submitted, j.job, j.trail, j.result FROM jobs j "
    "WHERE (j.id, j.queue) ",
    "bb"};
constexpr RowsStatement upsert_jobs{
    insert, "INSERT INTO jobs (id, queue, state, since, submitted, job, trail, result) ", "bbnnnbbb",
    "ON CONFLICT (id, queue) DO UPDATE SET state = excluded.state, since = excluded.since, "
    "submitted = excluded.submitted, job = excluded.job, trail = excluded.trail, result = excluded.result"};

constexpr RowsStatement add_counts{insert, "INSERT INTO counts (queue, state, jobs) ", "bnn",
                                   "ON CONFLICT (queue, state) DO UPDATE SET jobs = counts.jobs + excluded.jobs"};

constexpr RowsStatement select_minutes{keys_of, "SELECT queue, minute, record FROM minutes WHERE (queue, minute) ",
                                       "bn"};
constexpr RowsStatement upsert_minutes{insert, "INSERT INTO minutes (queue, minute, record) ", "bnb",
                                       "ON CONFLICT (queue, minute) DO UPDATE SET record = excluded.record"};

constexpr RowsStatement insert_reports{
    insert, "INSERT INTO reports (queue, id, kind, run, attempt, at, part, place, head, content) ", "bbnnnnnnbb",
    "ON CONFLICT DO NOTHING"};
constexpr RowsStatement count_reports{keys_of, "SELECT queue, id, kind, count(*) FROM reports WHERE (queue, id, kind) ",
                                      "bbn", "GROUP BY queue, id, kind"};
constexpr std::string_view delete_reports = "DELETE FROM reports WHERE queue = $1 AND id = $2 AND run <= $3";
constexpr std::string_view prune_reports =
    "DELETE FROM reports WHERE queue = $1 AND id = $2 AND kind = $3 AND (run, attempt, at, part, place) <= "
    "(SELECT run, attempt, at, part, place FROM reports WHERE queue = $1 AND id = $2 AND kind = $3 "
    "ORDER BY run DESC, attempt DESC, at DESC, part DESC, place DESC LIMIT 1 OFFSET $4)";

using KeyView = std::pair<std::string_view, std::string_view>;  // queue, id

struct KeyHash {
    std::size_t operator()(const KeyView& key) const {
        const std::hash<std::string_view> hash;
        return hash(key.second) * 31 + hash(key.first);
    }
};

// A job that the batch is about.
struct Touched {
    KeyView key;
    std::vector<const PlacedEvent*> events;
    JobRecord record;
    JobState old_state = JobState::unknown;
    std::string old_job, old_trail, old_result, job, trail;  // as in the row
    Time old_since{}, old_submitted_at{};
    bool was_stored = false, is_written = false, is_damaged = false;
    bool has_logs = false, has_intermediate_result = false;
};

std::string_view content_of(const JobRecord& record) {
    return record.trail.result ? std::string_view(record.trail.result->value.content) : std::string_view();
}

bool is_visible(JobState state) { return state != JobState::unknown && state != JobState::removed; }

class BatchWriter {
public:
    explicit BatchWriter(Database& database) : database_(database) {}

    Result<std::vector<JobChange>> write(const EventBatch& batch) {
        WriteTransaction transaction(database_);
        Result<void> done = transaction.begin();
        if (done) done = take(batch);
        if (done) done = load();
        if (done) done = work_out();
        if (done) done = store_jobs();
        if (done) done = add_to_counts(database_, counts_);
        if (done) done = store_minutes();
        if (done) done = store_reports();
        if (done) done = store_positions();
        std::vector<JobChange> changes = changed_jobs();
        if (done && database_.has_followers()) {
            done = database_.announce(announcements_of(changes, Database::longest_announcement));
        }
        if (done) done = transaction.commit();
        if (!done) return tl::unexpected(done.error());
        return changes;
    }

private:
    // The events that the view has not read yet, by job.
    Result<void> take(const EventBatch& batch) {
        Result<EventPositions> stored = read_positions(database_);
        if (!stored) return tl::unexpected(stored.error());
        for (const auto& [partition, from] : batch.from) {
            const auto found = stored->find(partition);
            if (found == stored->end() || found->second < from) {
                return failure(Error::Code::conflict, "the view has not read the events before this batch");
            }
        }
        const auto is_new = [&](const PlacedEvent& placed) {
            const auto found = stored->find(placed.partition);
            return found == stored->end() || found->second <= placed.offset;
        };
        for (const auto& placed : batch.events) {
            if (is_new(placed)) touch({placed.event.queue, placed.event.job_id}).events.push_back(&placed);
        }
        for (const auto& [partition, to] : batch.to) {
            const auto found = stored->find(partition);
            if (found == stored->end() || found->second < to) positions_.emplace(partition, to);
        }
        return {};
    }

    Touched& touch(const KeyView& key) {
        const auto [found, is_new] = by_key_.try_emplace(key, jobs_.size());
        if (is_new) jobs_.emplace_back().key = key;
        return jobs_[found->second];
    }

    Result<void> load() {
        std::vector<SqlValue> keys;
        for (const Touched& job : jobs_) keys.insert(keys.end(), {job.key.second, job.key.first});
        bool is_damaged = false;
        Result<void> loaded = database_.run(select_jobs, keys, [&](const SqlRow& row) {
            Touched& job = jobs_[by_key_.at({row.bytes(0), row.bytes(1)})];
            is_damaged =
                is_damaged || !read_job(row, job.record.job) || !read_trail_json(row.bytes(6), job.record.trail);
            if (job.record.trail.result) job.record.trail.result->value.content = row.bytes(7);
            job.was_stored = true;
            job.old_state = job.record.job.state;
            job.old_since = job.record.job.since;
            job.old_submitted_at = job.record.job.submitted_at;
            job.old_job = row.bytes(5);
            job.old_trail = row.bytes(6);
            job.old_result = row.bytes(7);
        });
        if (loaded && is_damaged) return damaged_row();
        return loaded;
    }

    Result<void> work_out() {
        for (Touched& job : jobs_) {
            MinuteRecords minutes;
            count_record(job.record, -1, minutes);
            for (const PlacedEvent* placed : job.events) merge(job.record, placed->event);
            job.record.job.key = {std::string(job.key.first), std::string(job.key.second)};
            settle(job.record);
            count_record(job.record, 1, minutes);
            add_minutes(job, minutes);
            append_job_json(job.job, job.record.job);
            append_trail_json(job.trail, job.record.trail);
            const Job& now = job.record.job;
            job.is_written = !job.was_stored || job.job != job.old_job || job.trail != job.old_trail ||
                             now.state != job.old_state || now.since != job.old_since ||
                             now.submitted_at != job.old_submitted_at || content_of(job.record) != job.old_result;
            if (now.state != job.old_state || !job.was_stored) count(job);
            for (const PlacedEvent* placed : job.events) note_report(job, *placed);
        }
        return {};
    }

    void count(const Touched& job) {
        const std::string queue(job.key.first);
        if (job.was_stored) --counts_[queue][job.old_state];
        ++counts_[queue][job.record.job.state];
    }

    void add_minutes(const Touched& job, const MinuteRecords& minutes) {
        for (const auto& [begin, minute] : minutes) {
            MinuteRecord& change = minutes_[{std::string(job.key.first), begin}];
            change.add(minute);
        }
    }

    void note_report(Touched& job, const PlacedEvent& placed) {
        const LifecycleEvent& event = placed.event;
        if (event.state == JobEvent::removed) removed_.emplace_back(job.key, event.run);
        if (is_removed(job.record, event.run)) return;
        if (event.state == JobEvent::log) {
            job.has_logs = true;
            add_report(placed, ReportKind::log, log_head(event.level, event.lines_left_out), event.message);
        }
        if (event.state == JobEvent::progressed && (!event.result.empty() || event.result_left_out > 0)) {
            job.has_intermediate_result = true;
            std::string head;
            append_result_json(head, result_of(event));
            add_report(placed, ReportKind::intermediate, std::move(head), event.result);
        }
    }

    struct Report {
        const PlacedEvent* placed;
        ReportKind kind;
        std::string head;
        std::string_view content;
    };
    void add_report(const PlacedEvent& placed, ReportKind kind, std::string head, std::string_view content) {
        reports_.push_back({&placed, kind, std::move(head), content});
    }

    Result<void> store_jobs() {
        std::vector<SqlValue> rows;
        for (const Touched& job : jobs_) {
            if (!job.is_written) continue;
            const Job& now = job.record.job;
            const std::string_view content = content_of(job.record);
            rows.insert(rows.end(), {job.key.second, job.key.first, static_cast<std::int64_t>(now.state),
                                     to_millis(now.since), to_millis(now.submitted_at), std::string_view(job.job),
                                     std::string_view(job.trail), content.empty() ? SqlValue() : SqlValue(content)});
        }
        return database_.run(upsert_jobs, rows);
    }

    Result<void> store_minutes() {
        std::erase_if(minutes_, [](const auto& entry) { return entry.second.is_empty(); });
        std::vector<SqlValue> keys;
        for (const auto& [key, minute] : minutes_) {
            keys.insert(keys.end(), {std::string_view(key.first), to_millis(key.second)});
        }
        bool is_damaged = false;
        Result<void> loaded = database_.run(select_minutes, keys, [&](const SqlRow& row) {
            MinuteRecord stored;
            is_damaged = is_damaged || !read_minute_json(row.bytes(2), stored);
            minutes_[{std::string(row.bytes(0)), time_from_millis(row.number(1))}].add(stored);
        });
        if (!loaded) return loaded;
        if (is_damaged) return damaged_row();
        std::vector<std::string> records;
        records.reserve(minutes_.size());
        for (const auto& [key, minute] : minutes_) append_minute_json(records.emplace_back(), minute);
        std::vector<SqlValue> rows;
        for (std::size_t i = 0; const auto& [key, minute] : minutes_) {
            rows.insert(rows.end(),
                        {std::string_view(key.first), to_millis(key.second), std::string_view(records[i++])});
        }
        return database_.run(upsert_minutes, rows);
    }

    Result<void> store_reports() {
        Result<void> done;
        for (const auto& [key, run] : removed_) {
            const SqlValue values[] = {key.first, key.second, std::int64_t{run}};
            if (done) done = database_.run(delete_reports, values);
        }
        if (!done) return done;
        std::vector<SqlValue> rows;
        std::map<std::tuple<std::string_view, std::string_view, std::int64_t>, std::int64_t> touched;
        for (const Report& report : reports_) {
            const LifecycleEvent& event = report.placed->event;
            const auto kind = static_cast<std::int64_t>(report.kind);
            rows.insert(rows.end(),
                        {event.queue, event.job_id, kind, std::int64_t{event.run}, std::int64_t{event.attempt},
                         to_millis(event.at), std::int64_t{report.placed->partition}, report.placed->offset,
                         std::string_view(report.head), report.content});
            touched[{event.queue, event.job_id, kind}] = 0;
        }
        done = database_.run(insert_reports, rows);
        if (!done || touched.empty()) return done;
        std::vector<SqlValue> keys;
        for (const auto& [key, count] : touched) {
            const auto& [queue, id, kind] = key;
            keys.insert(keys.end(), {queue, id, kind});
        }
        done = database_.run(count_reports, keys, [&](const SqlRow& row) {
            touched[{row.bytes(0), row.bytes(1), row.number(2)}] = row.number(3);
        });
        for (auto entry = touched.begin(); done && entry != touched.end(); ++entry) {
            done = prune(entry->first, entry->second);
        }
        return done;
    }

    // The newest are kept. That there may be a few more until the next time nobody sees.
    Result<void> prune(const std::tuple<std::string_view, std::string_view, std::int64_t>& key, std::int64_t count) {
        const auto& [queue, id, kind] = key;
        const std::int64_t kept = kind == static_cast<std::int64_t>(ReportKind::log) ? most_logs : most_intermediate;
        if (count <= kept + kept / 4) return {};
        const SqlValue values[] = {queue, id, kind, kept};
        return database_.run(prune_reports, values);
    }

    Result<void> store_positions() {
        std::vector<SqlValue> rows;
        for (const auto& [partition, next] : positions_) rows.insert(rows.end(), {std::int64_t{partition}, next});
        return database_.run(upsert_positions, rows);
    }

    std::vector<JobChange> changed_jobs() {
        std::vector<JobChange> changes;
        for (Touched& job : jobs_) {
            const bool looks_different = job.job != job.old_job || job.record.job.state != job.old_state ||
                                         job.record.job.submitted_at != job.old_submitted_at ||
                                         job.record.job.since != job.old_since;
            const bool was_there = job.was_stored && is_visible(job.old_state);
            const bool is_there = is_visible(job.record.job.state);
            if (!(looks_different && (was_there || is_there)) && !job.has_logs && !job.has_intermediate_result)
                continue;
            job.record.job.result.content.clear();
            changes.push_back({.key = job.record.job.key,
                               .job = job.record.job,
                               .has_logs = job.has_logs,
                               .has_intermediate_result = job.has_intermediate_result});
        }
        return changes;
    }

    Database& database_;
    std::vector<Touched> jobs_;
    std::unordered_map<KeyView, std::size_t, KeyHash> by_key_;  // into jobs_
    EventPositions positions_;
    QueueCounts counts_;
    std::map<std::pair<std::string, Time>, MinuteRecord> minutes_;
    std::vector<std::pair<KeyView, int>> removed_;
    std::vector<Report> reports_;
};

}  // namespace

Result<EventPositions> read_positions(Database& database) {
    EventPositions positions;
    Result<void> read = database.run(
        select_positions, {}, [&](const SqlRow& row) { positions[static_cast<int>(row.number(0))] = row.number(1); });
    if (!read) return tl::unexpected(read.error());
    return positions;
}

Result<std::vector<JobChange>> write_batch(Database& database, const EventBatch& batch) {
    return BatchWriter(database).write(batch);
}

Result<void> add_to_counts(Database& database, const QueueCounts& changes) {
    std::vector<SqlValue> rows;
    for (const auto& [queue, states] : changes) {
        for (const auto& [state, change] : states) {
            if (change == 0) continue;
            rows.insert(rows.end(), {std::string_view(queue), static_cast<std::int64_t>(state), change});
        }
    }
    return database.run(add_counts, rows);
}

}  // namespace drover::gateway
