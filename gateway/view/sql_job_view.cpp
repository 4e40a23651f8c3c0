#include <utility>

#include "gateway/view/announcement.h"
#include "gateway/view/batch_writer.h"
#include "gateway/view/database.h"
#include "gateway/view/job_lister.h"
#include "gateway/view/job_queries.h"
#include "gateway/view/job_view.h"
#include "gateway/view/postgres_database.h"
#include "gateway/view/retention.h"
#include "gateway/view/schema.h"
#include "gateway/view/sqlite_database.h"

namespace drover::gateway {
namespace {

class SqlJobView final : public JobView {
public:
    explicit SqlJobView(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    Result<EventPositions> positions() override { return read_positions(*database_); }
    Result<std::vector<JobChange>> apply(const EventBatch& batch) override { return write_batch(*database_, batch); }
    Result<bool> lead() override { return database_->lead(); }

    Result<std::vector<JobChange>> follow(std::chrono::milliseconds timeout) override {
        const Result<std::vector<std::string>> texts = database_->hear(timeout);
        if (!texts) return tl::unexpected(texts.error());
        std::vector<JobChange> changes;
        for (const std::string& text : *texts) {
            if (!read_announcement(text, changes)) {
                return failure(Error::Code::unavailable, "somebody else announces changes in our database", true);
            }
        }
        return changes;
    }

    Result<Forgotten> forget(const std::string& queue, const QueueRetention& retention, Time now, int limit) override {
        return forget_jobs(*database_, queue, retention, now, limit);
    }
    Result<Forgotten> forget_traces(Time now, Time figures_from, int limit) override {
        return forget_what_is_no_job(*database_, now, figures_from, limit);
    }

    Result<void> clear() override {
        WriteTransaction transaction(*database_);
        Result<void> done = transaction.begin();
        if (done) done = database_->empty_tables(view_tables);
        if (done) done = transaction.commit();
        return done;
    }

    Result<std::vector<JobDetail>> jobs(const std::string& id) override { return read_jobs(*database_, id); }
    Result<std::optional<JobDetail>> job(const JobKey& key) override { return read_one_job(*database_, key); }
    Result<std::vector<Transition>> history(const JobKey& key) override { return read_history(*database_, key); }
    Result<std::vector<LogEntry>> logs(const JobKey& key) override { return read_logs(*database_, key); }

    Result<JobPage> list(const JobFilter& filter, const std::string& cursor, int limit) override {
        return list_jobs(*database_, filter, cursor, limit);
    }
    Result<QueueCounts> counts() override { return read_counts(*database_, ""); }
    Result<QueueCounts> recount() override { return count_anew(*database_); }
    Result<QueueFigures> figures(const std::string& queue, Time since) override {
        return read_figures(*database_, queue, since);
    }
    Result<std::map<std::string, QueuePulse>> pulses(Time since) override { return read_pulses(*database_, since); }
    Result<std::map<JobState, Time>> oldest(const std::string& queue) override {
        return read_oldest(*database_, queue);
    }

private:
    std::unique_ptr<Database> database_;
};

constexpr std::string_view sqlite_prefix = "sqlite:";

}  // namespace

Result<std::unique_ptr<JobView>> open_job_view(const JobViewSettings& settings) {
    const std::string& where = settings.where;
    if (where.starts_with(sqlite_prefix)) {
        std::string path = where.substr(sqlite_prefix.size());
        // Anything else would be a database that is gone with its connection.
        if (path.empty() || path.starts_with(":")) {
            return failure(Error::Code::invalid, "the view's database: sqlite: needs a file");
        }
        return std::make_unique<SqlJobView>(make_sqlite_database(std::move(path), settings.patience));
    }
    std::string fault = where.empty() ? "is missing" : postgres_fault(where);
    if (!fault.empty()) return failure(Error::Code::invalid, "the view's database: " + fault);
    return std::make_unique<SqlJobView>(make_postgres_database(where, settings.patience));
}

}  // namespace drover::gateway
