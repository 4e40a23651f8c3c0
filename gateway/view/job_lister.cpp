#include "gateway/view/job_lister.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "gateway/core/job_filter.h"
#include "gateway/view/job_queries.h"
#include "gateway/view/job_rows.h"

namespace drover::gateway {
namespace {

constexpr int most_looked_at = 4000;  // jobs, for one page, of all queues and states together …
constexpr int least_looked_at = 10;   // … but of each of them some
constexpr int most_at_once = 500;

// Rows of one queue and state in the order of the list. The job at the cursor itself may be among them, since the index
// ends with the id; it is passed over.
constexpr std::string_view select_newest_first =
    "SELECT j.queue, j.id, j.state, j.since, j.submitted, j.job FROM jobs j WHERE j.queue = $1 AND j.state = $2 "
    "AND j.submitted >= $3 AND (j.submitted, j.id) <= ($4, $5) ORDER BY j.submitted DESC, j.id DESC LIMIT $6";

// All jobs of a queue in a state, newest first, read as they are needed.
class Walk {
public:
    Walk(std::string queue, JobState state, const JobFilter& filter, const std::optional<JobCursor>& after)
        : queue_(std::move(queue)), state_(state), filter_(filter), after_(after) {
        constexpr Time latest = Time::max();
        place_ = after ? *after : JobCursor{.submitted_at = latest};
        if (filter.submitted_before && *filter.submitted_before <= place_.submitted_at) {
            // Times are whole milliseconds: the last one before it, and below every id of the next.
            place_ = {.submitted_at = time_from_millis(to_millis(*filter.submitted_before - Duration(1))),
                      .id = std::string(1, '\xFF')};
        } else if (!after) {
            place_.id = std::string(1, '\xFF');  // no text begins with it
        }
    }

    // The next job that fits; nothing where there is none, or none within what may be looked at.
    Result<const Job*> front(Database& database, int wanted, int may_look_at) {
        while (next_ == jobs_.size() && !is_over_ && looked_at_ < may_look_at) {
            const int rows = std::min({looks_inside(filter_) ? may_look_at : wanted, most_at_once});
            if (Result<void> read = read_on(database, rows); !read) return tl::unexpected(read.error());
        }
        return next_ < jobs_.size() ? &jobs_[next_] : nullptr;
    }
    Job take() { return std::move(jobs_[next_++]); }
    bool may_have_more() const { return next_ < jobs_.size() || !is_over_; }

    // Up to where it has looked in vain: no job before it fits that was not handed out. Nothing: to the end.
    std::optional<JobCursor> stopped_at() const {
        if (is_over_) return std::nullopt;
        return place_;
    }

private:
    Result<void> read_on(Database& database, int rows) {
        const std::int64_t from =
            filter_.submitted_from ? ceil_millis(*filter_.submitted_from) : std::numeric_limits<std::int64_t>::min();
        const JobCursor before = place_;  // a place of its own: SQLite reads it with each row
        const SqlValue values[] = {std::string_view(queue_),       static_cast<std::int64_t>(state_), from,
                                   to_millis(before.submitted_at), std::string_view(before.id),       rows + 1L};
        jobs_.clear();
        next_ = 0;
        int count = 0;
        bool is_damaged = false;
        Result<void> read = database.run(select_newest_first, values, [&](const SqlRow& row) {
            Job job;
            is_damaged = is_damaged || !read_job(row, job);
            ++count;
            JobCursor here = cursor_of(job);
            // The one that the last stretch ended with; and what the page before this one has shown.
            if (here == before && has_read_) return;
            place_ = here;
            if (after_ && !is_listed_before(*after_, here)) return;
            if (matches(filter_, job)) jobs_.push_back(std::move(job));
        });
        if (!read) return read;
        if (is_damaged) return damaged_row();
        has_read_ = true;
        looked_at_ += count;
        is_over_ = count <= rows;
        return {};
    }

    static std::int64_t ceil_millis(Time time) {
        return std::chrono::ceil<std::chrono::milliseconds>(time).time_since_epoch().count();
    }

    std::string queue_;
    JobState state_;
    const JobFilter& filter_;
    const std::optional<JobCursor>& after_;
    JobCursor place_;  // of the last one looked at
    std::vector<Job> jobs_;
    std::size_t next_ = 0;
    int looked_at_ = 0;
    bool is_over_ = false, has_read_ = false;
};

// One for each queue and state that may have such jobs.
Result<std::vector<Walk>> walks_of(Database& database, const JobFilter& filter, const std::optional<JobCursor>& after) {
    const Result<QueueCounts> counts = read_counts(database, filter.queue);
    if (!counts) return tl::unexpected(counts.error());
    std::vector<Walk> walks;
    for (const auto& [queue, states] : *counts) {
        for (const auto& [state, count] : states) {
            const bool is_wanted = filter.states.empty() || std::ranges::count(filter.states, state) > 0;
            if (count > 0 && is_wanted) walks.emplace_back(queue, state, filter, after);
        }
    }
    return walks;
}

// The walks merged: of those that have a job at their front, the newest first.
class Merge {
public:
    Merge(Database& database, int limit, int may_look_at)
        : database_(database), limit_(static_cast<std::size_t>(limit)), may_look_at_(may_look_at) {}

    Result<void> add(Walk& walk) {
        const Result<const Job*> job = walk.front(database_, static_cast<int>(limit_), may_look_at_);
        if (!job) return tl::unexpected(job.error());
        if (*job != nullptr) {
            fronts_.push({cursor_of(**job), &walk});
        } else if (const auto stopped = walk.stopped_at()) {
            if (!unknown_ || is_listed_before(*stopped, *unknown_)) unknown_ = stopped;
        }
        return {};
    }

    Result<JobPage> page() {
        JobPage page;
        bool may_be_more = false;
        while (page.jobs.size() < limit_ && !fronts_.empty() && is_known_before(fronts_.top().place)) {
            Walk& walk = *fronts_.top().walk;
            fronts_.pop();
            page.jobs.push_back(walk.take());
            may_be_more = walk.may_have_more();
            if (page.jobs.size() == limit_) break;
            if (Result<void> added = add(walk); !added) return tl::unexpected(added.error());
        }
        if (page.jobs.size() == limit_) {
            may_be_more = may_be_more || !fronts_.empty() || unknown_;
            if (may_be_more) page.cursor = write_cursor(cursor_of(page.jobs.back()));
        } else if (unknown_) {
            page.cursor = write_cursor(*unknown_);
        }
        return page;
    }

private:
    struct Front {
        JobCursor place;
        Walk* walk;
        bool operator<(const Front& other) const { return is_listed_before(other.place, place); }
    };

    // What one walk has not looked at may come before what the others found.
    bool is_known_before(const JobCursor& place) const { return !unknown_ || is_listed_before(place, *unknown_); }

    Database& database_;
    const std::size_t limit_;
    const int may_look_at_;
    std::priority_queue<Front> fronts_;
    std::optional<JobCursor> unknown_;  // where the first of the walks stopped that did not come to their end
};

}  // namespace

Result<JobPage> list_jobs(Database& database, const JobFilter& filter, const std::string& cursor, int limit) {
    std::optional<JobCursor> after;
    if (!cursor.empty()) {
        after = read_cursor(cursor);
        if (!after) return failure(Error::Code::invalid, "the cursor is none of this list's");
    }
    Result<std::vector<Walk>> walks = walks_of(database, filter, after);
    if (!walks) return tl::unexpected(walks.error());
    const int share = most_looked_at / std::max(static_cast<int>(walks->size()), 1);
    Merge merge(database, std::clamp(limit, 1, 1000), std::max(share, least_looked_at));
    for (Walk& walk : *walks) {
        if (Result<void> added = merge.add(walk); !added) return tl::unexpected(added.error());
    }
    return merge.page();
}

}  // namespace drover::gateway
