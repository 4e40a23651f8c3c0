#include "gateway/gateway.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include <boost/asio/steady_timer.hpp>

#include "gateway/bulk_desk.h"
#include "gateway/followed_file.h"
#include "gateway/gateway_log.h"
#include "gateway/queue_counts.h"
#include "gateway/queue_file.h"
#include "gateway/routes.h"
#include "gateway/state.h"
#include "gateway/topic_maker.h"
#include "gateway/webhooks/webhook_dispatcher.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/queue_record.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

constexpr std::size_t largest_request = 16 * 1024 * 1024;
constexpr std::size_t most_connections = 16 * 1024;
constexpr rlim_t other_descriptors = 512;  // Kafka's, the database's, files
constexpr auto pulse_interval = std::chrono::seconds(5);
constexpr auto pulse_window = std::chrono::minutes(5);
constexpr auto files_interval = std::chrono::seconds(2);

Result<void> none_of(const std::vector<jobqueue::Problem>& problems) {
    if (problems.empty()) return {};
    std::string text;
    for (const jobqueue::Problem& each : problems) {
        text += (text.empty() ? "" : "\n") + jobqueue::format_problem(each);
    }
    return failure(Error::Code::invalid, text);
}

Result<Access> parsed_access(const std::string& text, const std::filesystem::path& file) {
    Access::Parsed parsed = Access::parse(text, file.string());
    if (Result<void> fine = none_of(parsed.problems); !fine) return tl::unexpected(fine.error());
    return std::move(parsed.access);
}

// Without a descriptor left no client would be served, nor Kafka reached: those beyond it are better closed at once.
std::size_t connections_that_fit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return most_connections;
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    const rlim_t others = std::min(other_descriptors, limit.rlim_cur / 2);
    return std::min<std::size_t>(most_connections, limit.rlim_cur - others);
}

std::string database_of(const GatewaySettings& settings) {
    return settings.database.empty() ? "sqlite:" + (settings.data / "jobs.db").string() : settings.database;
}

std::map<std::string, QueueRetention> retention_of(const QueueDirectory& queues) {
    std::map<std::string, QueueRetention> retention;
    for (const auto& [name, queue] : queues.all()) {
        retention[name] = {.completed_age = queue->queue.completed.age,
                           .completed_count = queue->queue.completed.count,
                           .failed_age = queue->queue.failed.age};
    }
    return retention;
}

class LiveGateway final : public Gateway, private GatewayLog::Listener, private ViewFeeder::Listener {
public:
    LiveGateway(boost::asio::io_context& io, GatewaySettings settings) : state_(io, std::move(settings)) {}
    ~LiveGateway() override {
        server_.reset();  // its handlers have the state
    }

    Result<void> begin() {
        state_.access = std::make_shared<const Access>(Access::open());
        if (!state_.settings.tokens.empty()) tokens_.emplace(state_.settings.tokens);
        if (state_.settings.tls_certificate.empty() != state_.settings.tls_key.empty()) {
            return failure(Error::Code::invalid, "a certificate needs its key, and a key its certificate");
        }
        if (!state_.settings.tls_certificate.empty()) {
            certificate_.emplace(state_.settings.tls_certificate);
            key_.emplace(state_.settings.tls_key);
        }
        if (!state_.settings.webhooks.empty()) webhooks_.emplace(state_.settings.webhooks);
        if (Result<void> read = read_tokens(); !read) return read;
        if (Result<void> read = read_webhooks(); !read) return read;
        if (Result<bool> read = read_certificate(); !read) return tl::unexpected(read.error());
        std::error_code made;
        std::filesystem::create_directories(state_.settings.data / "delayed", made);
        if (made) {
            return failure(Error::Code::invalid,
                           "cannot make " + state_.settings.data.string() + ": " + made.message());
        }
        auto view = ViewReaders::create({.where = database_of(state_.settings)}, {}, state_.io.get_executor());
        if (!view) return tl::unexpected(view.error());
        state_.view = std::move(*view);
        auto submitter = JobSubmitter::create(
            {.kafka = state_.settings.kafka, .spool_folder = (state_.settings.data / "spool").string()},
            state_.io.get_executor(), state_.metrics.registry());
        if (!submitter) return tl::unexpected(submitter.error());
        state_.submitter = std::move(*submitter);
        state_.records = std::make_unique<RecordReader>(state_.settings.kafka, state_.io.get_executor());
        add_all_routes(routes_, state_);
        http::ServerOptions options{.address = state_.settings.address,
                                    .port = state_.settings.port,
                                    .tls = tls_,
                                    .max_body_bytes = largest_request,
                                    .max_connections = connections_that_fit()};
        auto server = http::Server::listen(
            state_.io.get_executor(), options,
            [this](http::Request request, http::Server::Reply reply) { route(std::move(request), std::move(reply)); });
        if (!server) return tl::unexpected(server.error());
        server_ = std::move(*server);
        if (state_.access->is_open() && state_.settings.address != "127.0.0.1") {
            log::warn("whoever reaches this port may do everything: there are no tokens", {});
        }
        follow_files();
        topics_.emplace(state_.settings.kafka, state_.io.get_executor(), [this](const Result<void>& tried) {
            if (tried) return read_topics();
            remember_queues();
        });
        monitor_.emplace(state_.settings.kafka, state_.io.get_executor(),
                         [this](QueueMonitor::Looks looks) { looked(std::move(looks)); });
        return {};
    }

    std::uint16_t port() const override { return server_->port(); }
    void stop(std::function<void()> stopped) override {
        server_->stop([this, stopped = std::move(stopped)]() mutable { state_.submitter->stop(std::move(stopped)); });
        for (const auto& each : std::set(state_.waiting)) each->finish();
    }

private:
    // --- files that change while it runs

    Result<void> read_tokens() {
        if (!tokens_) return {};
        auto text = tokens_->news();
        if (!text) return tl::unexpected(text.error());
        if (!*text) return {};
        Result<Access> access = parsed_access(**text, tokens_->path());
        if (!access) return tl::unexpected(access.error());
        log::info("tokens are read", {{"tokens", access->size()}});
        state_.access = std::make_shared<const Access>(std::move(*access));
        return {};
    }

    Result<void> read_webhooks() {
        if (!webhooks_) return {};
        auto text = webhooks_->news();
        if (!text) return tl::unexpected(text.error());
        if (!*text) return {};
        ParsedWebhooks parsed = parse_webhooks(**text, webhooks_->path().string());
        if (Result<void> fine = none_of(parsed.problems); !fine) return fine;
        log::info("webhooks are read", {{"webhooks", parsed.settings.webhooks.size()}});
        alert_limits_ = parsed.settings.alerts;
        if (dispatcher_) {
            dispatcher_->set(std::move(parsed.settings));
        } else {
            dispatcher_.emplace(WebhookOptions{.kafka = state_.settings.kafka}, std::move(parsed.settings),
                                state_.io.get_executor(),
                                [this](const WebhookDispatcher::Told& told) { told_webhook(told); });
        }
        return {};
    }

    void told_webhook(const WebhookDispatcher::Told& told) {
        state_.metrics.told(told.webhook, told.outcome);
        if (told.outcome == WebhookOutbox::Outcome::delivered) return;
        log::warn(told.outcome == WebhookOutbox::Outcome::again
                      ? "a webhook is not reached, which is tried again"
                      : "a webhook does not take a message, which is given up",
                  {{"webhook", told.webhook}, {"error", told.trouble}});
    }

    // Whether it has changed.
    Result<bool> read_certificate() {
        if (!certificate_) return false;
        auto certificate = certificate_->news();
        if (!certificate) return tl::unexpected(certificate.error());
        auto key = key_->news();
        if (!key) return tl::unexpected(key.error());
        if (!tls_) tls_.emplace();
        if (*certificate) tls_->certificate = **certificate;
        if (*key) tls_->key = **key;
        return *certificate || *key;
    }

    void follow_files() {
        files_timer_.expires_after(files_interval);
        files_timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            if (const Result<void> read = read_tokens(); !read) {
                log::error("the tokens stay as they were", {{"error", read.error().message}});
            }
            if (const Result<void> read = read_webhooks(); !read) {
                log::error("the webhooks stay as they were", {{"error", read.error().message}});
            }
            Result<bool> changed = read_certificate();
            Result<void> taken = changed && *changed ? server_->set_tls(*tls_) : Result<void>();
            if (!changed) taken = tl::unexpected(changed.error());
            if (!taken) {
                log::error("the certificate stays as it was", {{"error", taken.error().message}});
            } else if (*changed) {
                log::info("there is a new certificate", {});
            }
            follow_files();
        });
    }

    // --- requests

    void route(http::Request request, http::Server::Reply reply) {
        const Routes::Found found = routes_.find(request.method, request.raw_path);
        if (found.route == nullptr) return reply(no_route(request, found.allowed));
        auto call = std::make_shared<Call>();
        call->now = state_.now();
        call->reply = watched(*found.route, call, std::move(reply));
        const AccessToken* token =
            is_public(found.route->pattern) ? &Access::anonymous() : token_of(request, call->now);
        if (token == nullptr) {
            http::Response response = http::problem(401, "Unauthorized", "a token is needed: Authorization: Bearer …");
            response.headers.push_back({"www-authenticate", "Bearer realm=\"drover\""});
            return call->reply(std::move(response));
        }
        call->who = *token;
        Result<Query> query = Query::parse(request.query);
        if (!query) return call->refuse(query.error());
        call->query = std::move(*query);
        call->parts = found.parts;
        call->request = std::move(request);
        if (const Result<void> may = find_queue(*call, found.route->target.role); !may)
            return call->refuse(may.error());
        found.route->target.handle(call);
    }

    // Counts the answer, and notes who changed something.
    http::Server::Reply watched(const Routes::Route& route, const std::weak_ptr<Call>& weak,
                                http::Server::Reply reply) {
        return [this, &route, weak, reply = std::move(reply),
                began = std::chrono::steady_clock::now()](http::Response response) {
            const auto took = std::chrono::steady_clock::now() - began;
            state_.metrics.answered(route.method, route.pattern, response.status,
                                    std::chrono::duration_cast<Duration>(took));
            const auto call = weak.lock();
            if (call && route.method != "GET" && route.target.role != Role::submit) note(route, *call, response.status);
            reply(std::move(response));
        };
    }

    void note(const Routes::Route& route, const Call& call, int status) {
        const auto job = call.parts.find("id");
        const AuditEntry entry{.id = state_.new_id(),
                               .at = call.now,
                               .who = call.who.name,
                               .action = std::string(route.method) + " " + std::string(route.pattern),
                               .queue = call.queue ? call.queue->name : "",
                               .job = job == call.parts.end() ? "" : job->second,
                               .reason = call.reason,
                               .status = status,
                               .gateway = state_.settings.identity};
        log::info("action", {{"who", entry.who},
                             {"action", entry.action},
                             {"queue", entry.queue},
                             {"job", entry.job},
                             {"reason", entry.reason},
                             {"status", status}});
        jobqueue::ControlMessage record = audit_record(entry);
        state_.submitter->submit({.topic = std::string(jobqueue::gateway_topic),
                                  .key = std::move(record.key),
                                  .value = std::move(record.value),
                                  .headers = {}},
                                 [](const Result<Accepted>& accepted) {
                                     if (!accepted)
                                         log::error("the audit log has a gap", {{"error", accepted.error().message}});
                                 });
    }

    static bool is_public(std::string_view pattern) {
        return pattern == "/healthz" || pattern == "/readyz" || pattern == "/metrics" ||
               pattern == "/v1/openapi.json" || is_page(pattern);
    }

    const AccessToken* token_of(const http::Request& request, Time now) const {
        if (state_.access->is_open()) return &Access::anonymous();
        return state_.access->bearer(request.header("authorization"), now);
    }

    static http::Response no_route(const http::Request& request, const std::string& allowed) {
        if (allowed.empty()) return http::problem(404, "Not Found", "there is nothing at " + request.path);
        http::Response response =
            http::problem(405, "Method Not Allowed", request.path + " takes " + allowed + ", not " + request.method);
        response.headers.push_back({"allow", allowed});
        return response;
    }

    // What the caller may not see is not there.
    Result<void> find_queue(Call& call, std::optional<Role> needed) const {
        if (!needed) return {};
        const Role role = *needed;
        const auto name = call.parts.find("queue");
        if (name == call.parts.end()) {
            if (may_somewhere(call.who, role)) return {};
            return failure(Error::Code::unauthorized, "this token may not " + std::string(role_name(role)));
        }
        // Jobs are taken for queues that were there before Kafka was away; all else waits for what Kafka says.
        if (role == Role::submit ? !state_.knows_queues : !state_.has_read_log) {
            return failure(Error::Code::unavailable, "which queues there are has not been read yet", true);
        }
        call.queue = state_.queues.find(name->second);
        const bool sees = call.queue && (call.may(Role::view, call.queue->name) || call.may(role, call.queue->name));
        if (!sees) return failure(Error::Code::not_found, "there is no queue " + name->second);
        if (call.may(role, call.queue->name)) return {};
        return failure(Error::Code::unauthorized,
                       "this token may not " + std::string(role_name(role)) + " " + call.queue->name);
    }

    // --- what there is

    void read_topics() {
        state_.bulk = std::make_unique<BulkDesk>(state_, JobViewSettings{.where = database_of(state_.settings)});
        auto log = GatewayLog::open(state_.io, state_.settings.kafka, *this);
        if (!log) return log::error("drover.gateway cannot be read", {{"error", log.error().message}});
        log_ = std::move(*log);
        state_.scheduler = std::make_unique<Scheduler>(
            SchedulerOptions{.kafka = state_.settings.kafka, .data = state_.settings.data / "delayed"},
            state_.io.get_executor(), [this](const SchedulerStatus& status) { scheduled(status); });
        ViewFeeder::Listener& listener = *this;
        feeder_.emplace(FeederOptions{.kafka = state_.settings.kafka, .view = {.where = database_of(state_.settings)}},
                        state_.io.get_executor(), listener);
    }

    std::filesystem::path queue_file() const { return state_.settings.data / "queues.json"; }

    // Kafka was asked in vain.
    void remember_queues() {
        if (state_.knows_queues || std::exchange(has_remembered_, true)) return;
        Result<QueueRecords> records = read_queue_file(queue_file());
        if (!records)
            return log::warn("queues are known only once Kafka is there", {{"error", records.error().message}});
        for (const auto& [key, value] : *records) {
            if (state_.queues.apply(key, value)) state_.knows_queues = true;
        }
        queue_records_ = std::move(*records);
    }

    // What drover.gateway says now takes the place of what was remembered, all at once: on the way to its end it says
    // what was true once.
    void replace_queues() {
        state_.queues = QueueDirectory(state_.settings.default_namespace);
        queue_records_ = std::move(replayed_records_);
        for (const auto& [key, value] : queue_records_) apply_queue(key, value);
        queues_changed_ = true;
    }

    void apply_queue(std::string_view key, std::optional<std::string_view> value) {
        if (const Result<void> applied = state_.queues.apply(key, value); !applied) {
            log::warn("a queue's record cannot be understood", {{"key", key}, {"error", applied.error().message}});
        }
    }

    void log_record(std::string_view key, std::optional<std::string_view> value, Time at) override {
        if (key.starts_with(schedule_prefix) || key.starts_with(schedule_run_prefix)) {
            if (const Result<void> applied = state_.schedules.apply(key, value, at); !applied) {
                log::warn("a schedule's record cannot be understood",
                          {{"key", key}, {"error", applied.error().message}});
            }
            return;
        }
        if (key.starts_with(audit_prefix)) return hear_audit(key, value);
        if (key.starts_with("bulk")) return state_.bulk->hear(key, value);
        if (key.starts_with(key_record_prefix)) {
            if (const Result<void> applied = state_.keys.apply(key, value); !applied) {
                log::warn("the record of a submit's key cannot be understood", {{"error", applied.error().message}});
            }
            return;
        }
        if (key.starts_with(jobqueue::workers_record_prefix)) {
            if (const Result<void> applied = state_.workers.apply(key, value, at); !applied) {
                log::warn("the record of a queue's workers cannot be understood",
                          {{"key", key}, {"error", applied.error().message}});
            }
            return;
        }
        if (!key.starts_with(jobqueue::queue_record_prefix)) return;
        QueueRecords& records = state_.has_read_log ? queue_records_ : replayed_records_;
        if (value) {
            records.insert_or_assign(std::string(key), std::string(*value));
        } else {
            records.erase(std::string(key));
        }
        if (!state_.has_read_log) return;
        queues_changed_ = true;
        apply_queue(key, value);
    }

    void hear_audit(std::string_view key, std::optional<std::string_view> value) {
        if (!value) return state_.audit.forget(key.substr(audit_prefix.size()));
        Result<AuditEntry> entry = parse_audit_record(key, *value);
        if (entry) return state_.audit.apply(std::move(*entry));
        log::warn("a record of the audit log cannot be read", {{"key", key}, {"error", entry.error().message}});
    }

    void log_read(bool caught_up) override {
        if (caught_up && !std::exchange(state_.has_read_log, true)) {
            replace_queues();
            state_.knows_queues = true;
            log::info("queues are known", {{"queues", state_.queues.all().size()}});
        }
        for (const std::string& id : state_.audit.take_expired(state_.now())) {
            drop_record(std::string(audit_prefix) + id);
        }
        for (std::string& key : state_.keys.take_expired(state_.now())) drop_record(std::move(key));
        if (caught_up) {
            for (std::string& key : state_.bulk->look()) drop_record(std::move(key));
        }
        if (!std::exchange(queues_changed_, false)) return;
        std::vector<std::shared_ptr<const KnownQueue>> queues;
        for (const auto& [name, queue] : state_.queues.all()) queues.push_back(queue);
        monitor_->watch(std::move(queues));
        feeder_->retain(retention_of(state_.queues));
        if (const Result<void> written = write_queue_file(queue_file(), queue_records_); !written) {
            log::warn("a start without Kafka would not know the queues", {{"error", written.error().message}});
        }
    }

    void drop_record(std::string key) {
        state_.submitter->submit({.topic = std::string(jobqueue::gateway_topic),
                                  .key = std::move(key),
                                  .value = std::nullopt,
                                  .headers = {}},
                                 [](const auto&) {});  // its record is found again by the next start
    }

    void looked(QueueMonitor::Looks looks) {
        const std::string trouble = looks ? "" : looks.error().message;
        if (!trouble.empty() && trouble != state_.kafka_trouble)
            log::warn("Kafka cannot be read", {{"error", trouble}});
        state_.kafka_trouble = trouble;
        if (!looks) return;
        state_.looks = std::move(*looks);
        remember_lag();
        // What is wrong with the view is told by its feeder.
        state_.view->ask([](JobView& view) { return view.counts(); },
                         [this](Result<QueueCounts> counts) {
                             if (!counts) return;
                             measure(*counts);
                             state_.counts = std::move(*counts);
                         });
        const Time now = state_.now();
        if (now < state_.pulses.at + pulse_interval && now >= state_.pulses.at) return;
        state_.pulses.at = now;
        const Time since = std::chrono::floor<std::chrono::minutes>(now - pulse_window);
        state_.view->ask([since](JobView& view) { return view.pulses(since); },
                         [this, since](Result<std::map<std::string, QueuePulse>> pulses) {
                             if (pulses) state_.pulses = {std::move(*pulses), since, state_.now()};
                         });
    }

    void remember_lag() {
        const Time now = state_.now();
        std::erase_if(state_.lags, [this](const auto& entry) {
            const bool is_gone = !state_.queues.all().contains(entry.first);
            if (is_gone) alerts_.forget(entry.first);
            return is_gone;
        });
        for (const auto& [name, look] : state_.looks) {
            const WorkersBook::Entry* workers = state_.workers.find(name);
            state_.lags[name].add({.at = now,
                                   .lag = look.figures.unfinished,
                                   .backlog = look.figures.backlog,
                                   .dead = look.figures.dead_letters.value_or(0),
                                   .workers = workers ? std::optional(workers->now.replicas) : std::nullopt});
        }
    }

    void measure(const QueueCounts& viewed) {
        for (const auto& [name, look] : state_.looks) {
            StateCounts counts = counts_of(state_, name, viewed);
            if (dispatcher_) watch_for_alerts(name, counts[JobState::waiting]);
            state_.metrics.counted(name, counts, look.figures.dead_letters.value_or(0));
        }
    }

    void watch_for_alerts(const std::string& queue, std::int64_t waiting) {
        AlertFigures figures{.waiting = waiting};
        const auto pulse = state_.pulses.queues.find(queue);
        if (pulse != state_.pulses.queues.end()) {
            figures.completed = pulse->second.total.completed;
            figures.failed = pulse->second.total.failed;
            figures.mean_run = pulse->second.mean_run;
            if (waiting > 0) figures.oldest_waiting = pulse->second.oldest_waiting;
        }
        for (Alert& alert : alerts_.step(queue, figures, alert_limits_, state_.now())) {
            log::warn(alert.firing ? "alert" : "alert is over",
                      {{"queue", queue}, {"alert", alert.name}, {"message", alert.message}});
            dispatcher_->alert(std::move(alert));
        }
    }

    void scheduled(const SchedulerStatus& status) {
        if (status.trouble != state_.scheduler_status.trouble && !status.trouble.empty()) {
            log::warn("delayed jobs and schedules wait", {{"error", status.trouble}});
        }
        state_.scheduler_status = status;
        state_.metrics.scheduled(status);
    }

    void jobs_changed(const std::vector<JobChange>& changes) override {
        for (const JobChange& change : changes) {
            state_.recent.forget(change.key.id);
            state_.watchers.changed(change.key.id);
            if (state_.feeder.caught_up && change.job && is_finished(change.job->state)) {
                state_.metrics.ended(*change.job);
            }
        }
    }
    void changes_missed() override { state_.watchers.all_changed(); }
    void status_changed(const FeederStatus& status) override {
        if (status.trouble != state_.feeder.trouble && !status.trouble.empty()) {
            log::warn("the view of jobs cannot be kept up", {{"error", status.trouble}});
        }
        state_.feeder = status;
        state_.metrics.fed(status);
    }

    GatewayState state_;
    std::optional<FollowedFile> tokens_, certificate_, key_, webhooks_;
    std::optional<http::ServerTls> tls_;
    boost::asio::steady_timer files_timer_{state_.io};
    Routes routes_;
    std::unique_ptr<http::Server> server_;
    std::optional<TopicMaker> topics_;
    std::optional<QueueMonitor> monitor_;
    std::unique_ptr<GatewayLog> log_;
    std::optional<ViewFeeder> feeder_;
    std::optional<WebhookDispatcher> dispatcher_;
    AlertBook alerts_;
    AlertLimits alert_limits_;
    QueueRecords queue_records_;
    QueueRecords replayed_records_;  // until drover.gateway is read to its end
    bool has_remembered_ = false;
    bool queues_changed_ = false;  // since they were told to monitor and feeder
};

}  // namespace

GatewayState::GatewayState(boost::asio::io_context& loop, GatewaySettings given)
    : io(loop), settings(std::move(given)), queues(settings.default_namespace) {}
GatewayState::~GatewayState() = default;

std::string GatewayState::new_id() { return jobqueue::new_job_id(now(), random()); }

Result<std::unique_ptr<Gateway>> Gateway::start(boost::asio::io_context& io, GatewaySettings settings) {
    auto gateway = std::make_unique<LiveGateway>(io, std::move(settings));
    if (Result<void> begun = gateway->begin(); !begun) return tl::unexpected(begun.error());
    return gateway;
}

}  // namespace drover::gateway
