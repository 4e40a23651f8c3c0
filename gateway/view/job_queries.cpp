#include "gateway/view/job_queries.h"

#include <algorithm>

#include "gateway/core/job_record.h"
#include "gateway/core/job_record_json.h"
#include "gateway/core/minute_record.h"
#include "gateway/view/job_rows.h"

namespace drover::gateway {
namespace {

// One statement, so that what it answers is of one moment: of a job with intermediate results a row for each.
constexpr std::string_view select_by_id =
    "SELECT j.queue, j.id, j.state, j.since, j.submitted, j.job, j.result, r.run, r.attempt, r.at, r.head, r.content "
    "FROM jobs j LEFT JOIN reports r ON r.id = j.id AND r.queue = j.queue AND r.kind = 1 WHERE j.id = $1";
constexpr std::string_view select_by_key =
    "SELECT j.queue, j.id, j.state, j.since, j.submitted, j.job, j.result, r.run, r.attempt, r.at, r.head, r.content "
    "FROM jobs j LEFT JOIN reports r ON r.id = j.id AND r.queue = j.queue AND r.kind = 1 "
    "WHERE j.id = $1 AND j.queue = $2";
constexpr std::string_view select_trail = "SELECT trail FROM jobs WHERE id = $1 AND queue = $2";
constexpr std::string_view select_logs =
    "SELECT r.run, r.attempt, r.at, r.head, r.content FROM reports r WHERE r.id = $1 AND r.queue = $2 AND r.kind = 0 "
    "AND r.run = $3 ORDER BY r.attempt DESC, r.at DESC, r.part DESC, r.place DESC LIMIT $4";
constexpr std::string_view select_run =
    "SELECT j.queue, j.id, j.state, j.since, j.submitted, j.job FROM jobs j "
    "WHERE j.id = $1 AND j.queue = $2";
constexpr std::string_view select_counts = "SELECT queue, state, jobs FROM counts WHERE jobs <> 0";
constexpr std::string_view select_counts_of = "SELECT queue, state, jobs FROM counts WHERE queue = $1 AND jobs <> 0";
constexpr std::string_view count_jobs = "SELECT queue, state, count(*) FROM jobs GROUP BY queue, state";
constexpr std::string_view select_minutes_of = "SELECT minute, record FROM minutes WHERE queue = $1 AND minute >= $2";
constexpr std::string_view select_minutes =
    "SELECT m.minute, m.record FROM (SELECT DISTINCT queue FROM counts) q "
    "JOIN minutes m ON m.queue = q.queue AND m.minute >= $1";
constexpr std::string_view select_latest_minutes =
    "SELECT m.queue, m.minute, m.record FROM (SELECT DISTINCT queue FROM counts) q "
    "JOIN minutes m ON m.queue = q.queue AND m.minute >= $1";
constexpr std::string_view select_oldest = "SELECT min(since) FROM jobs WHERE queue = $1 AND state = $2";

bool is_visible(JobState state) { return std::ranges::count(visible_states, state) > 0; }

Result<std::vector<JobDetail>> read_details(Database& database, std::string_view sql,
                                            std::span<const SqlValue> values) {
    std::vector<JobDetail> details;
    bool is_damaged = false;
    Result<void> read = database.run(sql, values, [&](const SqlRow& row) {
        const std::string_view queue = row.bytes(0);
        auto detail =
            std::ranges::find(details, queue, [](const JobDetail& d) { return std::string_view(d.job.key.queue); });
        if (detail == details.end()) {
            detail = details.emplace(details.end());
            is_damaged = is_damaged || !read_job(row, detail->job);
            if (detail->job.state == JobState::completed) detail->job.result.content = row.bytes(6);
        }
        if (row.is_null(7)) return;
        IntermediateResult& result = detail->intermediate.emplace_back();
        result.run = static_cast<int>(row.number(7));
        result.attempt = static_cast<int>(row.number(8));
        result.at = time_from_millis(row.number(9));
        is_damaged = is_damaged || !read_result_json(row.bytes(10), result.result);
        result.result.content = row.bytes(11);
    });
    if (!read) return tl::unexpected(read.error());
    if (is_damaged) return damaged_row();
    std::erase_if(details, [](const JobDetail& detail) { return !is_visible(detail.job.state); });
    std::ranges::sort(details, {}, [](const JobDetail& detail) { return detail.job.key; });
    for (JobDetail& detail : details) {
        std::vector<IntermediateResult>& results = detail.intermediate;
        std::erase_if(results, [&](const IntermediateResult& result) { return result.run != detail.job.run; });
        std::ranges::stable_sort(results, {},
                                 [](const IntermediateResult& result) { return std::pair(result.attempt, result.at); });
        const auto surplus = static_cast<std::ptrdiff_t>(results.size()) - most_intermediate;
        if (surplus > 0) results.erase(results.begin(), results.begin() + surplus);
    }
    return details;
}

void note_counts(QueueCounts& counts, const SqlRow& row) {
    const std::int64_t state = row.number(1);
    if (state < 0 || state > static_cast<std::int64_t>(JobState::removed)) return;
    if (!is_visible(static_cast<JobState>(state))) return;
    counts[std::string(row.bytes(0))][static_cast<JobState>(state)] = row.number(2);
}

}  // namespace

Result<std::vector<JobDetail>> read_jobs(Database& database, const std::string& id) {
    const SqlValue values[] = {std::string_view(id)};
    return read_details(database, select_by_id, values);
}

Result<std::optional<JobDetail>> read_one_job(Database& database, const JobKey& key) {
    const SqlValue values[] = {std::string_view(key.id), std::string_view(key.queue)};
    Result<std::vector<JobDetail>> details = read_details(database, select_by_key, values);
    if (!details) return tl::unexpected(details.error());
    if (details->empty()) return std::optional<JobDetail>();
    return std::move(details->front());
}

Result<std::vector<Transition>> read_history(Database& database, const JobKey& key) {
    const SqlValue values[] = {std::string_view(key.id), std::string_view(key.queue)};
    Trail trail;
    bool is_damaged = false;
    Result<void> read = database.run(select_trail, values,
                                     [&](const SqlRow& row) { is_damaged = !read_trail_json(row.bytes(0), trail); });
    if (!read) return tl::unexpected(read.error());
    if (is_damaged) return damaged_row();
    return std::move(trail.transitions);
}

Result<std::vector<LogEntry>> read_logs(Database& database, const JobKey& key) {
    const SqlValue of_job[] = {std::string_view(key.id), std::string_view(key.queue)};
    Job job;
    bool is_damaged = false;
    Result<void> read = database.run(select_run, of_job, [&](const SqlRow& row) { is_damaged = !read_job(row, job); });
    std::vector<LogEntry> entries;
    if (read && !is_damaged && is_visible(job.state)) {
        const SqlValue values[] = {std::string_view(key.id), std::string_view(key.queue), std::int64_t{job.run},
                                   most_logs};
        read = database.run(select_logs, values, [&](const SqlRow& row) {
            LogEntry& entry = entries.emplace_back();
            entry.run = static_cast<int>(row.number(0));
            entry.attempt = static_cast<int>(row.number(1));
            entry.at = time_from_millis(row.number(2));
            is_damaged = is_damaged || !read_log_head(row.bytes(3), entry);
            entry.lines = row.bytes(4);
        });
    }
    if (!read) return tl::unexpected(read.error());
    if (is_damaged) return damaged_row();
    std::ranges::reverse(entries);
    return entries;
}

Result<QueueCounts> read_counts(Database& database, const std::string& queue) {
    QueueCounts counts;
    const EachRow note = [&](const SqlRow& row) { note_counts(counts, row); };
    const SqlValue values[] = {std::string_view(queue)};
    Result<void> read =
        queue.empty() ? database.run(select_counts, {}, note) : database.run(select_counts_of, values, note);
    if (!read) return tl::unexpected(read.error());
    return counts;
}

Result<QueueCounts> count_anew(Database& database) {
    QueueCounts counts;
    Result<void> read = database.run(count_jobs, {}, [&](const SqlRow& row) { note_counts(counts, row); });
    if (!read) return tl::unexpected(read.error());
    return counts;
}

Result<QueueFigures> read_figures(Database& database, const std::string& queue, Time since) {
    const std::int64_t from = to_millis(minute_of(since));
    MinuteRecords minutes;
    bool is_damaged = false;
    const EachRow add = [&](const SqlRow& row) {
        MinuteRecord minute;
        is_damaged = is_damaged || !read_minute_json(row.bytes(1), minute);
        minutes[time_from_millis(row.number(0))].add(minute);
    };
    const SqlValue of_queue[] = {std::string_view(queue), from};
    const SqlValue of_all[] = {from};
    Result<void> read =
        queue.empty() ? database.run(select_minutes, of_all, add) : database.run(select_minutes_of, of_queue, add);
    if (!read) return tl::unexpected(read.error());
    if (is_damaged) return damaged_row();
    std::erase_if(minutes, [](const auto& entry) { return entry.second.is_empty(); });
    return summary(minutes);
}

Result<std::map<std::string, QueuePulse>> read_pulses(Database& database, Time since) {
    const SqlValue values[] = {to_millis(minute_of(since))};
    std::map<std::string, MinuteRecords> minutes;
    bool is_damaged = false;
    Result<void> read = database.run(select_latest_minutes, values, [&](const SqlRow& row) {
        MinuteRecord minute;
        is_damaged = is_damaged || !read_minute_json(row.bytes(2), minute);
        minutes[std::string(row.bytes(0))][time_from_millis(row.number(1))].add(minute);
    });
    if (!read) return tl::unexpected(read.error());
    if (is_damaged) return damaged_row();
    std::map<std::string, QueuePulse> pulses;
    for (const auto& [queue, records] : minutes) {
        const QueueFigures figures = summary(records);
        pulses[queue] = {figures.total, figures.run.mean, figures.wait.mean, std::nullopt};
    }
    const Result<QueueCounts> counts = read_counts(database, "");
    if (!counts) return tl::unexpected(counts.error());
    for (const auto& [queue, states] : *counts) {
        QueuePulse& pulse = pulses[queue];
        if (!states.contains(JobState::waiting)) continue;
        const SqlValue waiting[] = {std::string_view(queue), static_cast<std::int64_t>(JobState::waiting)};
        read = database.run(select_oldest, waiting, [&](const SqlRow& row) {
            if (!row.is_null(0)) pulse.oldest_waiting = time_from_millis(row.number(0));
        });
        if (!read) return tl::unexpected(read.error());
    }
    return pulses;
}

Result<std::map<JobState, Time>> read_oldest(Database& database, const std::string& queue) {
    std::map<JobState, Time> oldest;
    for (const JobState state : visible_states) {
        const SqlValue values[] = {std::string_view(queue), static_cast<std::int64_t>(state)};
        Result<void> read = database.run(select_oldest, values, [&](const SqlRow& row) {
            if (!row.is_null(0)) oldest[state] = time_from_millis(row.number(0));
        });
        if (!read) return tl::unexpected(read.error());
    }
    return oldest;
}

}  // namespace drover::gateway
