#include "gateway/view/retention.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "gateway/view/batch_writer.h"
#include "gateway/view/job_queries.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto late_events = 1min;  // so long, events of a finished job may still come
constexpr auto traces_kept = 24h;

constexpr std::string_view select_oldest_ids =
    "SELECT id FROM jobs WHERE queue = $1 AND state = $2 AND since < $3 ORDER BY since LIMIT $4";
constexpr RowsStatement delete_jobs{RowsStatement::Use::keys, "DELETE FROM jobs WHERE (queue, id) ", "bb"};
constexpr RowsStatement delete_reports{RowsStatement::Use::keys, "DELETE FROM reports WHERE (queue, id) ", "bb"};
constexpr std::string_view delete_minutes = "DELETE FROM minutes WHERE queue = $1 AND minute < $2";
constexpr std::string_view select_queues = "SELECT queue FROM counts";  // the invisible states are counted, too

class Forgetter {
public:
    Forgetter(Database& database, int limit) : database_(database), left_(limit) {}

    // The oldest of a state that are in it since before `before`, at most `most`.
    Result<void> drop(const std::string& queue, JobState state, Time before, std::int64_t most) {
        const std::int64_t asked = std::min<std::int64_t>(most, left_);
        if (asked <= 0) {
            more_ = more_ || (most > 0 && left_ == 0);
            return {};
        }
        const SqlValue values[] = {std::string_view(queue), static_cast<std::int64_t>(state), to_millis(before), asked};
        std::vector<std::string> ids;
        Result<void> done =
            database_.run(select_oldest_ids, values, [&](const SqlRow& row) { ids.emplace_back(row.bytes(0)); });
        if (!done || ids.empty()) return done;
        std::vector<SqlValue> keys;
        for (const std::string& id : ids) keys.insert(keys.end(), {std::string_view(queue), std::string_view(id)});
        done = database_.run(delete_jobs, keys);
        if (done) done = database_.run(delete_reports, keys);
        const auto count = static_cast<std::int64_t>(ids.size());
        if (done) done = add_to_counts(database_, {{queue, {{state, -count}}}});
        left_ -= count;
        forgotten_ += count;
        more_ = more_ || (left_ == 0 && count == asked);
        return done;
    }

    Forgotten result() const { return {.jobs = forgotten_, .more = more_}; }

private:
    Database& database_;
    std::int64_t left_;
    std::int64_t forgotten_ = 0;
    bool more_ = false;
};

constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();

Result<void> drop_finished(Database& database, Forgetter& forgetter, const std::string& queue,
                           const QueueRetention& retention, Time now) {
    const auto by_age = [&](const std::optional<Duration>& age) { return now - std::max<Duration>(*age, late_events); };
    Result<void> done;
    for (const JobState state : {JobState::completed, JobState::cancelled}) {
        if (done && retention.completed_age) done = forgetter.drop(queue, state, by_age(retention.completed_age), all);
    }
    if (done && retention.failed_age) done = forgetter.drop(queue, JobState::failed, by_age(retention.failed_age), all);
    if (!done || !retention.completed_count) return done;
    const Result<QueueCounts> counts = read_counts(database, queue);
    if (!counts) return tl::unexpected(counts.error());
    for (const auto& [name, states] : *counts) {
        for (const JobState state : {JobState::completed, JobState::cancelled}) {
            const auto count = states.find(state);
            if (!done || count == states.end()) continue;
            done = forgetter.drop(queue, state, now - late_events, count->second - *retention.completed_count);
        }
    }
    return done;
}

}  // namespace

Result<Forgotten> forget_jobs(Database& database, const std::string& queue, const QueueRetention& retention, Time now,
                              int limit) {
    WriteTransaction transaction(database);
    Forgetter forgetter(database, limit);
    Result<void> done = transaction.begin();
    if (done) done = drop_finished(database, forgetter, queue, retention, now);
    if (done) done = transaction.commit();
    if (!done) return tl::unexpected(done.error());
    return forgetter.result();
}

Result<Forgotten> forget_what_is_no_job(Database& database, Time now, Time figures_from, int limit) {
    WriteTransaction transaction(database);
    Forgetter forgetter(database, limit);
    Result<void> done = transaction.begin();
    std::set<std::string> queues;
    if (done) done = database.run(select_queues, {}, [&](const SqlRow& row) { queues.emplace(row.bytes(0)); });
    for (const std::string& queue : queues) {
        for (const JobState state : {JobState::removed, JobState::unknown}) {
            if (done) done = forgetter.drop(queue, state, now - traces_kept, all);
        }
        const SqlValue before[] = {std::string_view(queue), to_millis(figures_from)};
        if (done) done = database.run(delete_minutes, before);
    }
    if (done) done = transaction.commit();
    if (!done) return tl::unexpected(done.error());
    return forgetter.result();
}

}  // namespace drover::gateway
