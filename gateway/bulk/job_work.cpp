// Cancels and deletes jobs in bulk, as the view lists them: newest submission first, so that what comes and changes
// meanwhile moves nothing that is still to come.
#include <algorithm>
#include <deque>

#include "gateway/bulk/bulk_run.h"
#include "gateway/core/deed_records.h"
#include "gateway/core/delayed_record.h"
#include "gateway/core/job_filter.h"
#include "src/kafka/admin.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using redrive::WriteFault;

constexpr std::size_t most_in_batch = 500;
constexpr int page_size = 1000;
constexpr Duration longest_wait = 500ms;
constexpr Duration after_refusal = 1s;
constexpr auto ask_patience = 10s;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// What is to be done about one job, or: nothing more of the list before this cursor.
struct Step {
    std::optional<Job> job;
    std::string cursor;  // once it is done
};

class JobWork {
public:
    explicit JobWork(BulkRun& run) : run_(run), queue_(run.queue()), filter_(run.operation().order.filter) {
        // What was submitted or has ended since is none of this operation's.
        const Time began = run.operation().started_at;
        JobFilter& jobs = filter_.jobs;
        jobs.submitted_before = std::min(jobs.submitted_before.value_or(began), began);
        if (run.operation().order.action == BulkAction::remove) {
            filter_.finished_before = std::min(filter_.finished_before.value_or(began), began);
        }
    }

    Result<bool> all() {
        auto view = open_job_view(run_.context().view);
        if (!view) return tl::unexpected(view.error());
        view_ = std::move(*view);
        if (Result<void> found = find_partitions(); !found) return tl::unexpected(found.error());
        if (!run_.operation().is_planned) {
            BulkOperation plan = run_.operation();
            const Result<bool> counted = count(plan.counts.matched);
            if (!counted || !*counted) return counted;
            plan.is_planned = true;
            const auto written = run_.write(BulkRun::Batch{}, plan);
            if (!written) return tl::unexpected(written.error().error);
        }
        return do_all();
    }

private:
    Result<void> find_partitions() {
        if (run_.operation().order.action != BulkAction::cancel) return {};
        const auto admin = kafka::Admin::connect(run_.context().kafka, ask_patience);
        if (!admin) return tl::unexpected(admin.error());
        const std::string topic(jobqueue::delayed_topic);
        const auto topics = (*admin)->topics({topic});
        if (!topics) return tl::unexpected(topics.error());
        if (!topics->contains(topic)) return failure(Error::Code::not_found, "there is no topic " + topic);
        delayed_partitions_ = topics->at(topic);
        return {};
    }

    // From `cursor` on, as far as one look goes; `cursor` is "" after the last.
    Result<std::vector<Step>> read_on(std::string& cursor) {
        if (!filter_.ids.empty()) return read_ids(cursor);
        const Result<JobPage> page = view_->list(filter_.jobs, cursor, page_size);
        if (!page) return tl::unexpected(page.error());
        std::vector<Step> steps;
        for (const Job& job : page->jobs) {
            if (bulk_matches(filter_, job)) steps.push_back({job, write_cursor(cursor_of(job))});
        }
        cursor = page->cursor;
        if (!cursor.empty()) steps.push_back({std::nullopt, cursor});
        return steps;
    }

    // The cursor is the last id that was looked at.
    Result<std::vector<Step>> read_ids(std::string& cursor) {
        std::vector<Step> steps;
        auto id = std::ranges::upper_bound(filter_.ids, cursor);
        for (int i = 0; i < page_size && id != filter_.ids.end(); ++i, ++id) {
            const Result<std::optional<JobDetail>> found = view_->job({queue_.name, *id});
            if (!found) return tl::unexpected(found.error());
            std::optional<Job> job;
            if (*found && bulk_matches(filter_, (*found)->job)) job = (*found)->job;
            steps.push_back({std::move(job), *id});
        }
        cursor = id == filter_.ids.end() ? "" : steps.back().cursor;
        return steps;
    }

    // False: it is to end.
    Result<bool> count(std::int64_t& jobs) {
        jobs = 0;
        std::string cursor;
        do {
            if (run_.is_to_end()) return false;
            const auto steps = read_on(cursor);
            if (!steps) return tl::unexpected(steps.error());
            jobs += std::ranges::count_if(*steps, [](const Step& step) { return step.job.has_value(); });
        } while (!cursor.empty());
        return true;
    }

    Result<bool> do_all() {
        BulkPace pace(run_.operation().order.rate, now());
        std::string cursor = run_.operation().cursor;
        bool is_last = false;
        while (!is_last || !next_.empty()) {
            if (run_.is_to_end()) return false;
            if (next_.empty()) {
                auto steps = read_on(cursor);
                if (!steps) return tl::unexpected(steps.error());
                next_.assign(std::make_move_iterator(steps->begin()), std::make_move_iterator(steps->end()));
                is_last = cursor.empty();
                continue;
            }
            const std::size_t allowed = pace.allowed(now(), most_in_batch);
            if (allowed == 0) {
                run_.wait(std::min(pace.wait(), longest_wait));
                continue;
            }
            const Result<std::size_t> done = do_some(allowed);
            if (!done) return tl::unexpected(done.error());
            pace.took(*done);
        }
        return true;
    }

    // How many jobs it has done.
    Result<std::size_t> do_some(std::size_t most) {
        BulkRun::Batch batch;
        BulkOperation then = run_.operation();
        std::size_t jobs = 0, steps = 0;
        for (; steps < next_.size() && jobs < most; ++steps) {
            const Step& step = next_[steps];
            then.cursor = step.cursor;
            if (!step.job) continue;
            ++jobs;
            batch.records.push_back(record_of(*step.job));
        }
        then.counts.done += static_cast<std::int64_t>(jobs);
        then.counts.matched =
            std::max(then.counts.matched, then.counts.done + then.counts.skipped + then.counts.failed);
        const auto written =
            jobs == 0 ? tl::expected<void, redrive::WriteError>{} : run_.write(std::move(batch), std::move(then));
        if (written) {
            next_.erase(next_.begin(), next_.begin() + static_cast<std::ptrdiff_t>(steps));
            return jobs;
        }
        const Error& error = written.error().error;
        if (written.error().fault == WriteFault::lost) return tl::unexpected(error);
        if (error.code == Error::Code::not_found || error.code == Error::Code::unauthorized ||
            error.code == Error::Code::invalid || error.code == Error::Code::too_large) {
            return failure(error.code, error.message);
        }
        run_.tell_trouble(error.message);
        run_.wait(after_refusal);
        return 0;
    }

    redrive::Record record_of(const Job& job) const {
        const BulkOperation& operation = run_.operation();
        const Time time = now();
        if (operation.order.action == BulkAction::remove) {
            return {std::string(jobqueue::events_topic), job.key.id, removal_event(job, time), {}};
        }
        if (job.state == JobState::delayed) {  // its partition's owner puts it in order
            DelayedMessage message = cancel_message({.job_id = job.key.id,
                                                     .control_topic = queue_.topics.control,
                                                     .by = operation.by,
                                                     .reason = operation.order.reason,
                                                     .at = time},
                                                    delayed_partitions_);
            return {std::string(jobqueue::delayed_topic), std::move(message.key), std::move(message.value),
                    std::move(message.headers), message.partition};
        }
        jobqueue::ControlMessage message = cancel_record(job.key.id, operation.by, operation.order.reason, time);
        return {queue_.topics.control, std::move(message.key), std::move(message.value), {}};
    }

    BulkRun& run_;
    const KnownQueue& queue_;
    BulkFilter filter_;
    std::unique_ptr<JobView> view_;
    int delayed_partitions_ = 1;
    std::deque<Step> next_;
};

}  // namespace

Result<bool> work_off_jobs(BulkRun& run) { return JobWork(run).all(); }

}  // namespace drover::gateway
