#include "gateway/scheduler/scheduler.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>

#include <boost/asio/post.hpp>
#include <poll.h>
#include <unistd.h>

#include "gateway/core/delayed_jobs.h"
#include "gateway/core/queue_directory.h"
#include "gateway/core/schedule.h"
#include "gateway/scheduler/brokers_clock.h"
#include "gateway/scheduler/dispatcher.h"
#include "gateway/scheduler/payload_file.h"
#include "src/jobqueue/control.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/lifecycle_event.h"
#include "src/jobqueue/queue_record.h"
#include "src/kafka/admin.h"
#include "src/kafka/group_member.h"
#include "src/kafka/log_reader.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock::time_point;

constexpr kafka::Fetcher::Id gateway_log_id = 0;
constexpr std::size_t records_at_once = 2000;
constexpr std::size_t largest_batch_bytes = 8 << 20;
constexpr std::size_t tidied_at_once = 500;
constexpr int runs_at_once = 100;
constexpr auto longest_turn = 50ms;  // librdkafka asks to be looked after
constexpr auto status_interval = 250ms;
constexpr auto trouble_lasts = 5s;
constexpr auto clock_interval = 60s;  // without a transaction, one is made to hear the time
constexpr auto after_refusal = 200ms;
constexpr auto after_fencing = 3s;  // the group says in this time whose the partition is
constexpr auto patience_at_end = 10s;
constexpr Duration without_topic = 10s;  // a job whose topic is missing, or too large for it, waits so long
constexpr Duration stuck_topic = 30s;    // one whose topic took nothing in a transaction's time
constexpr Duration apart_lasts = 2min;
constexpr Duration late_lasts = 1min;  // after its next try is due: a transaction that is refused takes 10 s
constexpr Duration queue_unknown = 1s;

bool is_permanent(const Error& error) {
    return error.code == Error::Code::not_found || error.code == Error::Code::unauthorized ||
           error.code == Error::Code::too_large || error.code == Error::Code::invalid;
}

bool concerns_topic(const Error& error) {
    return error.code == Error::Code::not_found || error.code == Error::Code::unauthorized;
}

std::string random_name() {
    std::random_device random;
    return std::to_string(::getpid()) + "-" + std::to_string(random()) + std::to_string(random());
}

std::string_view header_of(const std::vector<Field>& headers, std::string_view name) {
    for (const Field& each : headers) {
        if (each.name == name) return each.value;
    }
    return {};
}

}  // namespace

class Scheduler::Loop {
public:
    Loop(SchedulerOptions options, boost::asio::any_io_executor owner, Listener listener)
        : options_(std::move(options)),
          owner_(std::move(owner)),
          listener_(std::make_shared<Listener>(std::move(listener))),
          name_(random_name()) {}

    void start() {
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }

    void stop() {
        listening_->store(false);
        thread_.request_stop();
        wakeup_.notify();
        thread_.join();
    }

    void cancel(DelayedCancel cancel, Done done) {
        {
            const std::scoped_lock lock(inbox_mutex_);
            inbox_.emplace_back(std::move(cancel), std::move(done));
        }
        wakeup_.notify();
    }

private:
    using Id = kafka::Fetcher::Id;

    struct Batch {
        std::vector<std::string> topics;            // of each record
        std::vector<DelayedJobs::Taken> jobs;       // to be dispatched
        std::vector<DelayedJobs::Taken> cancelled;  // jobs
        std::vector<std::string> cancels;           // commands, by job id
        std::vector<std::pair<std::string, std::optional<ScheduleRun>>> states;
        std::uint64_t scheduled = 0;       // jobs
        std::set<std::string> job_topics;  // of `jobs`
        std::string control_topic;         // of the last cancel; "": it needs none

        // What could each be the reason of a refusal.
        std::size_t parts() const { return job_topics.size() + states.size() + cancels.size(); }
    };

    // Of a topic that took nothing.
    struct Late {
        Time since{};  // when the first of its jobs was due
        Time until{};  // then it is tried again
    };

    struct Cancelling {
        DelayedCancel cancel;
        bool is_sent = false;
    };

    struct Owned {
        Owned(int number, std::filesystem::path folder) : partition(number), file(std::move(folder)) {}

        int partition;
        Id id = 0;
        std::unique_ptr<Dispatcher> dispatcher;
        Steady begin_at{};  // no dispatcher before
        DelayedJobs jobs;
        PayloadFile file;
        DelayedJobs::Handle tidy_cursor = 0;
        std::string mark;       // to be read; "": nothing is open
        std::string last_mark;  // that was read
        std::int64_t position = 0;
        bool reads = false;
        bool is_live = false;
        bool is_revoking = false;
        bool must_restart = false;
        std::optional<Batch> batch;  // under way, or of unknown outcome
        bool is_writing = false;
        std::map<std::string, Cancelling> cancels;               // by job id
        std::map<std::string, ScheduleRun, std::less<>> states;  // by <queue>/<name>
        std::map<std::string, Time, std::less<>> look_again;     // the same; Time::max(): no run ever comes
        Time schedules_at = Time::min();                         // the first of these; min: something is new
        Time not_before{};
        std::size_t limit = 0;  // jobs in the next transaction
        Time apart_until{};     // each topic, schedule and cancel has transactions of its own
        std::string trouble;
    };

    // --- the thread

    void run(const std::stop_token& stop) {
        while (!stop.stop_requested() && !connect()) {
            refuse_commands();
            tell_status(true);
            wait(500ms);
        }
        while (!stop.stop_requested()) {
            turn();
            wait(until_next());
        }
        leave();
    }

    bool connect() {
        const auto admin = kafka::Admin::connect(options_.kafka, 5s);
        if (!admin) return note(admin.error());
        const auto found = (*admin)->topics({options_.delayed_topic, options_.gateway_topic});
        if (!found) return note(found.error());
        for (const std::string& topic : {options_.delayed_topic, options_.gateway_topic}) {
            if (!found->contains(topic)) return note({Error::Code::not_found, "there is no topic " + topic, true});
        }
        partitions_ = found->at(options_.delayed_topic);
        auto producer = kafka::Producer::create(options_.kafka, wakeup_);
        if (!producer) return note(producer.error());
        auto fetcher = kafka::Fetcher::create(
            options_.kafka,
            {.queued_bytes = 16 << 20, .expected_partitions = partitions_ + 1, .group = options_.prefix + "scheduler"},
            wakeup_);
        if (!fetcher) return note(fetcher.error());
        auto member = kafka::GroupMember::join(options_.kafka,
                                               {.group = options_.prefix + "scheduler",
                                                .topics = {options_.delayed_topic},
                                                .session_timeout = options_.session_timeout},
                                               wakeup_);
        if (!member) return note(member.error());
        commands_ = std::move(*producer);
        fetcher_ = std::move(*fetcher);
        gateway_log_ = std::make_unique<kafka::LogReader>(*fetcher_);
        delayed_log_ = std::make_unique<kafka::LogReader>(*fetcher_);
        member_ = std::move(*member);
        if (const Result<void> started = gateway_log_->start(gateway_log_id, {options_.gateway_topic, 0}); !started) {
            return note(started.error());
        }
        trouble_.clear();
        return true;
    }

    bool note(const Error& error) {
        if (trouble_ != error.message) log::warn("the scheduler waits for Kafka", {{"error", error.message}});
        trouble_ = error.message;
        return false;
    }

    // librdkafka goes on trying, and says it again where it lasts.
    void hear_of_trouble(const Error& error) {
        trouble_ = error.message;
        trouble_until_ = std::chrono::steady_clock::now() + trouble_lasts;
    }

    void wait(std::chrono::milliseconds longest) {
        pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, static_cast<int>(longest.count()));
        wakeup_.clear();
    }

    std::optional<Time> now() const { return clock_.at(std::chrono::steady_clock::now()); }

    std::chrono::milliseconds until_next() {
        if (has_more_) return 0ms;
        std::chrono::milliseconds longest = longest_turn;
        const std::optional<Time> time = now();
        if (!time) return longest;
        for (const auto& [partition, owned] : owned_) {
            if (!owned->is_live || owned->is_writing || owned->is_revoking) continue;
            Time next = owned->jobs.next().value_or(Time::max());
            if (gateway_log_->caught_up()) next = std::min(next, owned->schedules_at);
            const Duration left = std::max({next, owned->not_before, *time}) - *time;
            longest =
                std::min(longest, std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(left, longest_turn)));
        }
        return longest;
    }

    void turn() {
        has_more_ = false;
        for (const kafka::GroupEvent& event : member_->poll()) {
            std::visit([this](const auto& happened) { on(happened); }, event);
        }
        for (const kafka::ClientError& error : fetcher_->serve()) hear_of_trouble(error.error);
        read();
        const Steady here = std::chrono::steady_clock::now();
        for (auto& [partition, owned] : owned_) {
            open(*owned, here);
            hear(*owned);
        }
        restart();
        settle_revokes();
        std::erase_if(retired_, [](const auto& each) { return each->has_ended(); });
        write_commands();
        if (const std::optional<Time> time = now()) {
            for (auto& [partition, owned] : owned_) {
                tidy(*owned);
                if (owned->is_live && !owned->is_writing && !owned->is_revoking && *time >= owned->not_before) {
                    dispatch(*owned, *time);
                }
            }
        }
        tell_status(false);
    }

    void leave() {
        const Steady last = std::chrono::steady_clock::now() + patience_at_end;
        if (member_) {
            member_->close();
            while (!closed_ && std::chrono::steady_clock::now() < last) {
                for (const kafka::GroupEvent& event : member_->poll()) {
                    std::visit([this](const auto& happened) { on(happened); }, event);
                }
                for (auto& [partition, owned] : owned_) hear(*owned);
                settle_revokes();
                std::erase_if(retired_, [](const auto& each) { return each->has_ended(); });
                if (!closed_) wait(longest_turn);
            }
        }
        for (auto& [partition, owned] : owned_) {
            if (owned->dispatcher) owned->dispatcher->stop();
        }
        owned_.clear();
        retired_.clear();
        records_.clear();
        gateway_log_.reset();
        delayed_log_.reset();
        fetcher_.reset();
        member_.reset();
        commands_.reset();
    }

    // --- the group

    void on(const kafka::group_event::Assigned& assigned) {
        joined_ = true;
        for (const kafka::TopicPartition& each : assigned.partitions) {
            log::info("delayed jobs of a partition are ours", {{"partition", each.partition}});
            adopt(each.partition);
        }
    }

    void on(const kafka::group_event::Revoking& revoking) {
        std::vector<kafka::TopicPartition> at_once;
        for (const kafka::TopicPartition& each : revoking.partitions) {
            const auto found = owned_.find(each.partition);
            if (found == owned_.end()) {
                at_once.push_back(each);
            } else {
                found->second->is_revoking = true;
            }
        }
        if (!at_once.empty()) member_->release(at_once);
    }

    void on(const kafka::group_event::Lost& lost) {
        joined_ = false;  // until it is told anew what it has
        for (const kafka::TopicPartition& each : lost.partitions) {
            log::warn("delayed jobs of a partition are another gateway's", {{"partition", each.partition}});
            drop(each.partition);
        }
    }

    void on(const kafka::group_event::Committed&) {}
    void on(const kafka::group_event::Positions&) {}
    void on(const kafka::group_event::Trouble& trouble) { hear_of_trouble(trouble.error.error); }
    void on(const kafka::group_event::Closed&) { closed_ = true; }

    void adopt(int partition) {
        drop(partition);
        auto owned = std::make_unique<Owned>(partition, options_.data);
        owned->limit = options_.largest_batch;
        owned_[partition] = std::move(owned);
    }

    void drop(int partition) {
        const auto found = owned_.find(partition);
        if (found == owned_.end()) return;
        Owned& owned = *found->second;
        if (owned.reads) delayed_log_->stop(owned.id);
        if (owned.dispatcher) {
            owned.dispatcher->stop();
            retired_.push_back(std::move(owned.dispatcher));
        }
        owned_.erase(found);
    }

    // From the beginning, as long as the group says that the partition is ours.
    void restart() {
        for (auto& [partition, owned] : owned_) {
            if (!owned->must_restart) continue;
            if (owned->reads) delayed_log_->stop(owned->id);
            if (owned->dispatcher) owned->dispatcher->stop();
            if (owned->dispatcher) retired_.push_back(std::move(owned->dispatcher));
            auto again = std::make_unique<Owned>(partition, options_.data);
            again->limit = options_.largest_batch;
            again->is_revoking = owned->is_revoking;
            again->begin_at = std::chrono::steady_clock::now() + after_fencing;
            owned = std::move(again);
        }
    }

    // A dispatcher that would still be opening could fence the next owner's: it ends first.
    void settle_revokes() {
        std::vector<kafka::TopicPartition> released;
        for (auto& [partition, owned] : owned_) {
            if (!owned->is_revoking || owned->is_writing) continue;
            if (owned->dispatcher) {
                owned->dispatcher->stop();
                if (!owned->dispatcher->has_ended()) continue;
            }
            released.push_back({options_.delayed_topic, partition});
        }
        for (const kafka::TopicPartition& each : released) drop(each.partition);
        if (!released.empty()) member_->release(released);
    }

    // --- what the dispatchers say

    void open(Owned& owned, Steady here) {
        if (owned.dispatcher || owned.is_revoking || here < owned.begin_at) return;
        Dispatcher::Target target{.kafka = options_.kafka,
                                  .transactional_id = options_.prefix + "delayed-" + std::to_string(owned.partition),
                                  .topic = options_.delayed_topic,
                                  .partition = owned.partition,
                                  .name = name_ + "-" + std::to_string(++next_dispatcher_)};
        owned.dispatcher = std::make_unique<Dispatcher>(std::move(target), [this] { wakeup_.notify(); });
    }

    void hear(Owned& owned) {
        if (!owned.dispatcher) return;
        for (const Dispatcher::News& news : owned.dispatcher->take()) {
            if (news.written_at) {
                clock_.hear(*news.written_at, news.heard_at);
                clock_heard_at_ = news.heard_at;
            }
            std::visit([&](const auto& answer) { on(owned, answer); }, news.answer);
        }
    }

    void on(Owned& owned, const dispatch::Open& open) {
        owned.trouble.clear();
        owned.is_writing = false;  // what is in `batch` is settled when the mark was read
        owned.is_live = false;
        owned.mark = open.mark;
        if (owned.last_mark == open.mark) begin(owned);
        if (owned.reads) return;
        owned.id = ++last_id_;
        if (const Result<void> started = delayed_log_->start(owned.id, {options_.delayed_topic, owned.partition});
            !started) {
            hear_of_trouble(started.error());
            owned.must_restart = true;
            return;
        }
        owned.reads = true;
    }

    // The log says what is gone, so that nothing is taken twice that stands there twice.
    void on(Owned& owned, const dispatch::Written&) {
        owned.trouble.clear();
        owned.is_writing = false;
        if (!owned.batch) return;
        count(owned, *owned.batch);
        for (const std::string& topic : owned.batch->job_topics) late_.erase(topic);
        owned.batch.reset();
        owned.limit = std::min(options_.largest_batch, owned.limit * 2);
    }

    void count(Owned& owned, const Batch& batch) {
        status_.dispatched += batch.jobs.size();
        status_.cancelled += batch.cancelled.size();
        status_.scheduled += batch.scheduled;
        for (const auto& [schedule, run] : batch.states) {
            if (run) {
                owned.states[schedule] = *run;
            } else {
                owned.states.erase(schedule);
            }
        }
    }

    // A topic that takes nothing spoils all of a transaction, and which one it is may not be known. Then everything is
    // tried apart for a while, so that what is in trouble holds up itself alone.
    void on(Owned& owned, const dispatch::Refused& refused) {
        owned.is_writing = false;
        owned.trouble = refused.error.message;
        if (!owned.batch) return;
        const Batch batch = std::move(*owned.batch);
        owned.batch.reset();
        const Time time = now().value_or(Time{});
        owned.not_before = time + after_refusal;
        for (const std::string& each : batch.cancels) {
            if (const auto found = owned.cancels.find(each); found != owned.cancels.end())
                found->second.is_sent = false;
        }
        std::string topic;
        if (refused.record && *refused.record < batch.topics.size()) topic = batch.topics[*refused.record];
        log::warn("a transaction of delayed jobs was refused, and is tried again",
                  {{"partition", owned.partition}, {"topic", topic}, {"error", refused.error.message}});
        for (const auto& [schedule, run] : batch.states) owned.look_again[schedule] = owned.not_before;
        owned.schedules_at = owned.not_before;
        Time jobs_again{};  // at their own times
        if (concerns_topic(refused.error) && !topic.empty()) {
            do_without(topic, time + without_topic, refused.error, batch);
        } else {
            if (batch.parts() == 1) jobs_again = put_off(owned, batch, topic, refused.error, time);
            owned.apart_until = time + apart_lasts;
        }
        for (const DelayedJobs::Taken& each : batch.jobs)
            owned.jobs.put_back(each.handle, std::max(each.due, jobs_again));
        for (const DelayedJobs::Taken& each : batch.cancelled) owned.jobs.put_back(each.handle, each.due);
    }

    // The only part of a transaction that was refused. When its jobs are due again.
    Time put_off(Owned& owned, const Batch& batch, const std::string& topic, const Error& error, Time time) {
        const bool is_too_much = is_permanent(error) && !concerns_topic(error);
        if (!batch.states.empty()) {
            const std::string& schedule = batch.states.front().first;
            owned.look_again[schedule] = time + without_topic;
            status_.schedule_troubles[schedule] = error.message;
        } else if (batch.jobs.empty()) {
            if (!batch.control_topic.empty()) do_without(batch.control_topic, time + without_topic, error, batch);
        } else if (!is_too_much) {
            // Where nothing was taken, Kafka may be away as a whole.
            const std::string& their_topic = *batch.job_topics.begin();
            do_without(their_topic, time + (topic == their_topic ? stuck_topic : without_topic), error, batch);
        } else if (batch.jobs.size() > 1) {
            owned.limit = batch.jobs.size() / 2;
        } else {
            ++status_.refused;
            return time + without_topic;
        }
        return Time{};
    }

    void do_without(const std::string& topic, Time until, const Error& error, const Batch& batch) {
        without_[topic] = {until, error.message};
        if (!batch.job_topics.contains(topic)) return;
        for (const DelayedJobs::Taken& each : batch.jobs) {
            Late& late = late_.try_emplace(topic, Late{each.due, until}).first->second;
            late = {std::min(late.since, each.due), until};
        }
    }

    void on(Owned& owned, const dispatch::Fenced&) {
        log::warn("another gateway has the delayed jobs of a partition", {{"partition", owned.partition}});
        owned.must_restart = true;
        owned.is_live = owned.is_writing = false;
    }

    void on(Owned& owned, const dispatch::Trouble& trouble) { owned.trouble = trouble.error.message; }

    // --- what is read

    void read() {
        ready_.clear();
        fetcher_->ready(ready_);
        for (const Id id : ready_) unread_.insert(id);
        for (auto each = unread_.begin(); each != unread_.end();) {
            records_.clear();
            bool more = false;
            if (gateway_log_->reads(*each)) {
                more = gateway_log_->take(*each, records_at_once, records_);
                for (const kafka::Record& record : records_) apply(record);
            } else if (delayed_log_->reads(*each)) {
                more = delayed_log_->take(*each, records_at_once, records_);
                for (auto& [partition, owned] : owned_) {
                    if (owned->reads && owned->id == *each) {
                        for (const kafka::Record& record : records_) apply(*owned, record);
                    }
                }
            }
            records_.clear();
            each = more ? std::next(each) : unread_.erase(each);
        }
        has_more_ = !unread_.empty();
        for (const Error& error : gateway_log_->troubles()) hear_of_trouble(error);
        for (const Error& error : delayed_log_->troubles()) hear_of_trouble(error);
    }

    void apply(const kafka::Record& record) {
        const std::string_view key = record.key().value_or("");
        Result<void> applied;
        if (key.starts_with(jobqueue::queue_record_prefix)) {
            applied = queues_.apply(key, record.value());
            for (auto& [partition, owned] : owned_) owned->schedules_at = Time::min();
        } else if (key.starts_with(schedule_prefix)) {
            applied = book_.apply(key, record.value(), record.timestamp());
            const std::string id(schedule_id(key));
            for (auto& [partition, owned] : owned_) {
                owned->look_again.erase(id);
                owned->schedules_at = Time::min();
            }
            status_.schedule_troubles.erase(id);
        }
        if (!applied) {
            ++status_.refused;
            log::warn("a record of the gateways' topic cannot be understood", {{"error", applied.error().message}});
        }
    }

    void apply(Owned& owned, const kafka::Record& record) {
        // The log was cut, and is read from its beginning: what stands there may be gone by what comes later.
        owned.must_restart = owned.must_restart || record.offset() < owned.position;
        if (owned.must_restart) return;
        owned.position = record.offset() + 1;
        record.headers(headers_);
        const Result<DelayedRecord> read = parse_delayed(record.key(), record.value(), headers_);
        if (!read) {
            ++status_.refused;
            log::warn("a record of the delayed jobs cannot be understood",
                      {{"partition", owned.partition}, {"offset", record.offset()}, {"error", read.error().message}});
            return;
        }
        if (const auto* waits = std::get_if<delayed::Waits>(&*read)) {
            const PayloadFile::Place place = owned.file.append(pack(kept_job(*waits, record.value(), headers_)));
            if (const auto former = owned.jobs.put(waits->job_id, waits->queue, waits->due, place)) {
                owned.file.forget(*former);
            }
        } else if (const auto* gone = std::get_if<delayed::Gone>(&*read)) {
            if (const auto place = owned.jobs.remove(gone->job_id)) owned.file.forget(*place);
        } else if (const auto* cancels = std::get_if<delayed::Cancels>(&*read)) {
            owned.cancels[cancels->cancel.job_id] = {cancels->cancel};
        } else if (const auto* done = std::get_if<delayed::CancelDone>(&*read)) {
            owned.cancels.erase(std::string(done->job_id));
        } else if (const auto* state = std::get_if<delayed::ScheduleState>(&*read)) {
            if (!owned.is_live) apply(owned, *state);  // our own, and what we know is newer
        } else if (const auto* mark = std::get_if<delayed::Mark>(&*read)) {
            owned.last_mark = mark->token;
            if (owned.mark == owned.last_mark && !owned.is_live) begin(owned);
        }
    }

    void apply(Owned& owned, const delayed::ScheduleState& state) {
        const std::string id(schedule_id(state.key));
        if (!state.value) {
            owned.states.erase(id);
            return;
        }
        Result<ScheduleRun> run = parse_schedule_run(*state.value);
        if (run) {
            owned.states[id] = std::move(*run);
        } else {
            ++status_.refused;
            log::warn("the state of a schedule cannot be understood",
                      {{"schedule", id}, {"error", run.error().message}});
        }
    }

    // Everything that was written before is known.
    void begin(Owned& owned) {
        owned.is_live = true;
        owned.look_again.clear();
        owned.schedules_at = Time::min();
        if (owned.batch) {  // of unknown outcome: what of it is still here was not written
            for (const DelayedJobs::Taken& each : owned.batch->jobs) owned.jobs.put_back(each.handle, each.due);
            for (const DelayedJobs::Taken& each : owned.batch->cancelled) owned.jobs.put_back(each.handle, each.due);
            owned.batch.reset();
        }
        for (auto& [id, each] : owned.cancels) each.is_sent = false;
        log::info("delayed jobs of a partition are read",
                  {{"partition", owned.partition}, {"waiting", static_cast<std::int64_t>(owned.jobs.size())}});
    }

    void tidy(Owned& owned) {
        if (owned.file.wants_tidying()) {
            owned.file.begin_tidying();
            owned.tidy_cursor = 0;
        }
        if (!owned.file.is_tidying()) return;
        const bool more = owned.jobs.relocate(owned.tidy_cursor, tidied_at_once,
                                              [&](PayloadFile::Place place) { return owned.file.tidy(place); });
        if (!more) owned.file.end_tidying();
    }

    // --- what is written

    void dispatch(Owned& owned, Time time) {
        Batch batch;
        std::vector<Outbound> out;
        const bool apart = time < owned.apart_until;
        add_cancels(owned, batch, out, time, apart);
        if (gateway_log_->caught_up() && !(apart && batch.parts() > 0)) add_schedules(owned, batch, out, time, apart);
        if (!(apart && batch.parts() > 0)) add_jobs(owned, batch, out, time, apart);
        if (out.empty()) {
            const bool wants_time = std::chrono::steady_clock::now() - clock_heard_at_ > clock_interval;
            if (!wants_time) return;
            clock_heard_at_ = std::chrono::steady_clock::now();
            out.push_back(to_partition(owned, mark_message(owned.partition, "the time")));
        }
        for (const Outbound& each : out) batch.topics.push_back(each.topic);
        owned.batch = std::move(batch);
        owned.is_writing = true;
        owned.dispatcher->write(std::move(out));
    }

    Outbound to_partition(const Owned& owned, DelayedMessage message) const {
        return {options_.delayed_topic, std::move(message.key), std::move(message.value), {}, owned.partition};
    }
    Outbound tombstone(const Owned& owned, const std::string& job_id) const {
        return {options_.delayed_topic, job_id, std::nullopt, {}, owned.partition};
    }

    bool is_without(const std::string& topic, Time time) {
        const auto found = without_.find(topic);
        if (found == without_.end()) return false;
        if (found->second.first > time) return true;
        without_.erase(found);
        return false;
    }

    void add_jobs(Owned& owned, Batch& batch, std::vector<Outbound>& out, Time time, bool apart) {
        std::size_t bytes = 0;
        for (const DelayedJobs::Taken& each : owned.jobs.take_due(time, owned.limit)) {
            if (bytes > largest_batch_bytes) {
                owned.jobs.put_back(each.handle, each.due);
                continue;
            }
            const Result<std::string> packed = owned.file.read(each.place);
            std::optional<KeptJob> job = packed ? unpack(*packed) : std::nullopt;
            if (!job) {
                owned.trouble = packed ? "a job cannot be read back" : packed.error().message;
                owned.jobs.put_back(each.handle, time + without_topic);
                continue;
            }
            if (is_without(job->topic, time)) {
                owned.jobs.put_back(each.handle, without_.at(job->topic).first);
                continue;
            }
            if (apart && !batch.jobs.empty() && !batch.job_topics.contains(job->topic)) {
                owned.jobs.put_back(each.handle, each.due);
                continue;
            }
            bytes += packed->size();
            batch.job_topics.insert(job->topic);
            // Of those that are tried apart their start tells: the events' topic may be what is in trouble.
            if (!apart) add_event(*job, jobqueue::JobEvent::waiting, "", time, out);
            out.push_back(tombstone(owned, job->job_id));
            out.push_back(
                {std::move(job->topic), std::move(job->key), std::move(job->value), std::move(job->headers), {}});
            batch.jobs.push_back(each);
        }
    }

    void add_cancels(Owned& owned, Batch& batch, std::vector<Outbound>& out, Time time, bool apart) {
        for (auto& [job_id, each] : owned.cancels) {
            if (batch.cancels.size() >= (apart ? 1 : options_.largest_batch)) break;
            // One that was taken is on its way, and soon gone.
            if (each.is_sent || owned.jobs.is_taken(job_id)) continue;
            if (const auto taken = owned.jobs.take(job_id)) {
                out.push_back(tombstone(owned, job_id));
                const Result<std::string> packed = owned.file.read(taken->place);
                if (const auto job = packed ? unpack(*packed) : std::nullopt) {
                    add_event(*job, jobqueue::JobEvent::cancelled, each.cancel.reason, time, out);
                }
                batch.cancelled.push_back(*taken);
            } else if (!each.cancel.control_topic.empty() && !is_without(each.cancel.control_topic, time)) {
                batch.control_topic = each.cancel.control_topic;
                const jobqueue::ControlMessage message = jobqueue::control_message(
                    jobqueue::control::Cancel{.job_id = job_id,
                                              .by = each.cancel.by,
                                              .reason = each.cancel.reason,
                                              .at = each.cancel.at,
                                              .expires_at = std::max(each.cancel.at, time) + jobqueue::cancel_lasts});
                out.push_back({each.cancel.control_topic, message.key, message.value, {}, {}});
            }
            out.push_back(to_partition(owned, cancel_done_message(job_id, owned.partition)));
            each.is_sent = true;
            batch.cancels.push_back(job_id);
        }
    }

    void add_schedules(Owned& owned, Batch& batch, std::vector<Outbound>& out, Time time, bool apart) {
        if (time < owned.schedules_at) return;
        int left = runs_at_once;
        const auto is_full = [&] { return left <= 0 || (apart && !batch.states.empty()); };
        for (const auto& [id, known] : book_.all()) {
            if (is_full()) break;
            if (partition_of(std::string(schedule_prefix) + id, partitions_) != owned.partition) continue;
            const auto look = owned.look_again.find(id);
            if (look != owned.look_again.end() && look->second > time) continue;
            const auto state = owned.states.find(id);
            const DueRuns due =
                due_runs(known, state == owned.states.end() ? std::nullopt : std::optional(state->second), time, left);
            const auto queue = queues_.find(known.schedule.queue);
            std::string why = queue ? "" : "there is no queue " + known.schedule.queue;
            for (const Time planned : due.planned) {
                if (!queue) break;
                const JobOrder order = order_of(job_of(known, planned), queue->topics, time);
                if (is_without(order.topic, time)) why = without_.at(order.topic).second;
            }
            if (!due.planned.empty() && !why.empty()) {
                status_.schedule_troubles[id] = why;
                owned.look_again[id] = time + queue_unknown;
                continue;
            }
            status_.schedule_troubles.erase(id);
            owned.look_again[id] = due.again.value_or(Time::max());
            if (!due.changed) continue;
            for (const Time planned : due.planned) add_run(known, *queue, planned, time, out);
            const std::string key = std::string(schedule_run_prefix) + id, value = schedule_run_json(due.run);
            out.push_back({options_.delayed_topic, key, value, {}, owned.partition});
            out.push_back({options_.gateway_topic, key, value, {}, 0});
            batch.states.emplace_back(id, due.run);
            batch.scheduled += due.planned.size();
            left -= static_cast<int>(due.planned.size());
        }
        // One of the same name that comes later has missed nothing.
        for (const auto& [id, run] : owned.states) {
            if (is_full()) break;
            if (book_.all().contains(id)) continue;
            const std::string key = std::string(schedule_run_prefix) + id;
            out.push_back({options_.delayed_topic, key, std::nullopt, {}, owned.partition});
            out.push_back({options_.gateway_topic, key, std::nullopt, {}, 0});
            batch.states.emplace_back(id, std::nullopt);
        }
        std::erase_if(owned.look_again, [this](const auto& each) { return !book_.all().contains(each.first); });
        owned.schedules_at = is_full() ? time : Time::max();
        for (const auto& [id, at] : owned.look_again) owned.schedules_at = std::min(owned.schedules_at, at);
    }

    void add_run(const KnownSchedule& known, const KnownQueue& queue, Time planned, Time time,
                 std::vector<Outbound>& out) {
        JobOrder order = order_of(job_of(known, planned), queue.topics, time);
        order.headers.push_back({"drover-schedule", known.schedule.name});
        order.headers.push_back({"drover-scheduled-at", format_rfc3339(planned)});
        const KeptJob job{.job_id = order.id,
                          .queue = queue.name,
                          .topic = order.topic,
                          .key = std::move(order.key),
                          .value = std::move(order.value),
                          .headers = std::move(order.headers)};
        add_event(job, jobqueue::JobEvent::submitted, "", time, out);
        out.push_back({job.topic, job.key, job.value, job.headers, {}});
    }

    // Where the queue tells of its jobs.
    void add_event(const KeptJob& job, jobqueue::JobEvent state, std::string_view message, Time time,
                   std::vector<Outbound>& out) {
        const auto queue = queues_.find(job.queue);
        if (!queue || !queue->queue.events || is_without(options_.events_topic, time)) return;
        jobqueue::LifecycleEvent event;
        event.queue = job.queue;
        event.job_id = job.job_id;
        event.type = header_of(job.headers, jobqueue::header::type);
        event.state = state;
        event.max_attempts = queue->queue.retry.max_attempts;
        event.at = time;
        event.submitted_at = parse_rfc3339(header_of(job.headers, jobqueue::header::submitted_at));
        event.labels = header_of(job.headers, jobqueue::header::labels);
        event.error_message = message;
        if (state == jobqueue::JobEvent::cancelled) event.callback = header_of(job.headers, jobqueue::header::callback);
        std::string value;
        jobqueue::write_lifecycle_event(event, 0, value);
        out.push_back({options_.events_topic, job.job_id, std::move(value), {}, {}});
    }

    // --- commands

    void write_commands() {
        for (auto& [cancel, done] : take_inbox()) {
            const DelayedMessage message = cancel_message(cancel, partitions_);
            const std::uint64_t token = ++last_token_;
            const Result<void> queued = commands_->produce({.topic = options_.delayed_topic,
                                                            .key = message.key,
                                                            .value = message.value,
                                                            .headers = message.headers,
                                                            .partition = message.partition},
                                                           token);
            if (queued) {
                waiting_commands_.emplace(token, std::move(done));
            } else {
                answer(std::move(done), tl::unexpected(queued.error()));
            }
        }
        for (kafka::Delivery& delivery : commands_->poll()) {
            const auto found = waiting_commands_.find(delivery.token);
            if (found == waiting_commands_.end()) continue;
            answer(std::move(found->second),
                   delivery.outcome ? Result<void>{} : tl::unexpected(delivery.outcome.error()));
            waiting_commands_.erase(found);
        }
        for (const kafka::ClientError& error : commands_->troubles()) hear_of_trouble(error.error);
    }

    void refuse_commands() {
        for (auto& [cancel, done] : take_inbox()) {
            answer(std::move(done),
                   failure(Error::Code::unavailable, "the scheduler waits for Kafka: " + trouble_, true));
        }
    }

    std::vector<std::pair<DelayedCancel, Done>> take_inbox() {
        const std::scoped_lock lock(inbox_mutex_);
        return std::exchange(inbox_, {});
    }

    void answer(Done done, Result<void> result) {
        boost::asio::post(owner_, [listening = listening_, done = std::move(done), result = std::move(result)] {
            if (listening->load()) done(result);
        });
    }

    // --- how it stands

    void tell_status(bool at_once) {
        const Steady here = std::chrono::steady_clock::now();
        if (!at_once && here < told_at_ + status_interval) return;
        told_at_ = here;
        SchedulerStatus status = status_;
        const std::optional<Time> time = now();
        if (member_ && here >= trouble_until_) trouble_.clear();
        status.trouble = trouble_;
        status.partition_count = partitions_;
        status.ready = joined_ && gateway_log_ && gateway_log_->caught_up();
        for (const auto& [partition, owned] : owned_) {
            if (owned->is_live) {
                status.partitions.push_back(partition);
            } else {
                status.ready = false;
            }
            if (!owned->trouble.empty()) status.trouble = owned->trouble;
            if (!owned->file.trouble().empty()) status.trouble = owned->file.trouble();
            for (const auto& [queue, count] : owned->jobs.waiting()) status.waiting[queue] += count;
            if (!time) continue;
            if (const std::optional<Time> next = owned->jobs.next()) {
                status.behind = std::max(status.behind, *time - *next);
            }
            if (owned->batch && !owned->batch->jobs.empty()) {
                status.behind = std::max(status.behind, *time - owned->batch->jobs.front().due);
            }
        }
        if (time) {
            // One that is not refused again has no jobs here any more: cancelled, or another gateway's.
            std::erase_if(late_, [&](const auto& each) { return each.second.until + late_lasts < *time; });
            for (const auto& [topic, late] : late_) status.behind = std::max(status.behind, *time - late.since);
            const auto machines = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
            status.brokers_clock = std::chrono::round<std::chrono::milliseconds>(*time - machines);
        }
        if (status == told_) return;
        told_ = status;
        boost::asio::post(owner_, [listening = listening_, listener = listener_, status = std::move(status)] {
            if (listening->load()) (*listener)(status);
        });
    }

    const SchedulerOptions options_;
    const boost::asio::any_io_executor owner_;
    const std::shared_ptr<Listener> listener_;
    const std::shared_ptr<std::atomic<bool>> listening_ = std::make_shared<std::atomic<bool>>(true);
    const std::string name_;

    std::mutex inbox_mutex_;
    std::vector<std::pair<DelayedCancel, Done>> inbox_;

    // From here on the thread's.
    kafka::Wakeup wakeup_;
    int partitions_ = 0;
    std::unique_ptr<kafka::Producer> commands_;
    std::unique_ptr<kafka::GroupMember> member_;
    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::unique_ptr<kafka::LogReader> gateway_log_, delayed_log_;
    QueueDirectory queues_{"default"};
    ScheduleBook book_;
    BrokersClock clock_;
    Steady clock_heard_at_{};
    std::map<int, std::unique_ptr<Owned>> owned_;
    std::vector<std::unique_ptr<Dispatcher>> retired_;
    std::map<std::string, std::pair<Time, std::string>, std::less<>> without_;  // topics, until when and why
    std::map<std::string, Late> late_;                                          // topics that took nothing
    std::unordered_map<std::uint64_t, Done> waiting_commands_;
    std::uint64_t last_token_ = 0;
    std::uint64_t next_dispatcher_ = 0;
    Id last_id_ = gateway_log_id;
    std::vector<Id> ready_;
    std::set<Id> unread_;
    std::vector<kafka::Record> records_;
    std::vector<FieldView> headers_;
    bool has_more_ = false;
    bool joined_ = false;
    bool closed_ = false;
    std::string trouble_;
    Steady trouble_until_{};
    SchedulerStatus status_;  // its numbers
    SchedulerStatus told_;
    Steady told_at_{};

    std::jthread thread_;
};

Scheduler::Scheduler(SchedulerOptions options, boost::asio::any_io_executor owner, Listener listener)
    : loop_(std::make_unique<Loop>(std::move(options), std::move(owner), std::move(listener))) {
    loop_->start();
}

Scheduler::~Scheduler() { loop_->stop(); }

void Scheduler::cancel(DelayedCancel cancel, Done done) { loop_->cancel(std::move(cancel), std::move(done)); }

}  // namespace drover::gateway
