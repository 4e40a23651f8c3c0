#include "gateway/view/view_feeder.h"

#include <poll.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include <boost/asio/post.hpp>

#include "gateway/view/event_reader.h"
#include "src/kafka/wakeup.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto follow_at_once = 250ms;  // then it asks again whether it is to lead
constexpr auto between_numbers = 1s;
constexpr auto between_checks = 1s;  // that the view still stands where we think it does
constexpr auto between_looks_at_partitions = 30s;
constexpr int forgotten_at_once = 1000;
constexpr int most_unheard = 64;  // batches that the owner has not looked at

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

class ViewFeeder::Worker {
public:
    Worker(FeederOptions options, boost::asio::any_io_executor owner, Listener& listener)
        : options_(std::move(options)),
          owner_(std::move(owner)),
          listener_(listener),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    void retain(std::map<std::string, QueueRetention> by_queue) {
        const std::lock_guard lock(mutex_);
        retention_ = std::move(by_queue);
    }
    void rebuild() {
        is_to_rebuild_ = true;
        wakeup_.notify();
    }

private:
    void run(const std::stop_token& stop);
    Result<void> turn(const std::stop_token& stop);
    Result<void> open();
    Result<void> follow();
    Result<void> check_positions();
    Result<void> feed(const std::stop_token& stop);
    Result<void> begin_reading();
    Result<void> empty_view(const std::string& why);
    Result<void> apply();
    Result<void> keep_house();
    Result<void> forget_a_little();
    void sleep(Steady::duration time);
    void note_trouble(const Error& error);

    template <class Call>
    void post(Call call);
    void tell_changes(std::vector<JobChange> changes);
    void tell_missed();
    void tell_status();

    const FeederOptions options_;
    const boost::asio::any_io_executor owner_;
    Listener& listener_;
    const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    const std::shared_ptr<std::atomic<int>> unheard_ = std::make_shared<std::atomic<int>>(0);

    std::mutex mutex_;
    std::map<std::string, QueueRetention> retention_;  // guarded by it
    std::atomic<bool> is_to_rebuild_ = false;
    kafka::Wakeup wakeup_;

    // Of the thread.
    std::unique_ptr<JobView> view_;
    std::unique_ptr<EventReader> reader_;
    bool follows_ = false, missed_ = false;
    std::uint64_t skipped_before_ = 0;  // by readers that are gone
    std::deque<std::pair<std::string, QueueRetention>> to_forget_;
    bool traces_due_ = false;
    Steady::time_point applied_at_{}, checked_at_{}, forgot_at_{}, looked_at_ = Steady::now(), told_at_{};
    FeederStatus status_, told_;
    std::jthread thread_;  // last: it uses all of the above
};

void ViewFeeder::Worker::run(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { wakeup_.notify(); });
    while (!stop.stop_requested()) {
        const Result<void> done = turn(stop);
        if (done) continue;
        note_trouble(done.error());
        if (!stop.stop_requested()) sleep(options_.after_trouble);
    }
}

Result<void> ViewFeeder::Worker::turn(const std::stop_token& stop) {
    if (Result<void> opened = open(); !opened) return opened;
    const Result<bool> leads = view_->lead();
    if (!leads) return tl::unexpected(leads.error());
    status_.leads = *leads;
    if (!*leads) return follow();
    follows_ = false;
    return feed(stop);
}

Result<void> ViewFeeder::Worker::open() {
    if (view_) return {};
    Result<std::unique_ptr<JobView>> view = open_job_view(options_.view);
    if (!view) return tl::unexpected(view.error());
    view_ = std::move(*view);
    return {};
}

Result<void> ViewFeeder::Worker::follow() {
    if (is_to_rebuild_.exchange(false)) {  // the one that leads notices
        if (Result<void> emptied = empty_view("as asked for"); !emptied) return emptied;
    }
    Result<std::vector<JobChange>> changes = view_->follow(follows_ ? follow_at_once : 0ms);
    if (!changes) return tl::unexpected(changes.error());
    if (!follows_) tell_missed();  // from now on it listens
    follows_ = true;
    status_.trouble.clear();
    status_.caught_up = true;
    tell_changes(std::move(*changes));
    tell_status();
    return {};
}

// Until there is trouble.
Result<void> ViewFeeder::Worker::feed(const std::stop_token& stop) {
    status_.caught_up = false;
    if (Result<void> begun = begin_reading(); !begun) return begun;
    tell_missed();  // whatever another one fed before
    while (!stop.stop_requested()) {
        if (is_to_rebuild_.exchange(false)) {
            if (Result<void> emptied = empty_view("as asked for"); !emptied) return emptied;
            return {};
        }
        wakeup_.clear();
        if (Result<void> gathered = reader_->gather(options_.batch_events); !gathered) {
            if (gathered.error().code != Error::Code::conflict) return gathered;
            return empty_view(gathered.error().message);
        }
        const auto next = applied_at_ + options_.batch_wait;
        const bool is_full = reader_->batch().events.size() >= options_.batch_events;
        if (!reader_->is_empty() && (is_full || Steady::now() >= next)) {
            if (Result<void> applied = apply(); !applied) return applied;
        }
        if (reader_->is_empty() && reader_->caught_up()) status_.caught_up = true;
        status_.trouble = reader_->trouble();
        if (Result<void> kept = keep_house(); !kept) return kept;
        tell_status();
        if (reader_->has_more() || !to_forget_.empty() || traces_due_) continue;
        sleep(reader_->is_empty() ? Steady::duration(between_numbers) : next - Steady::now());
    }
    return {};
}

Result<void> ViewFeeder::Worker::begin_reading() {
    const Result<EventPositions> positions = view_->positions();
    if (!positions) return tl::unexpected(positions.error());
    if (!reader_) {
        auto reader = EventReader::create(
            {.kafka = options_.kafka, .topic = options_.events_topic, .group = options_.group}, wakeup_);
        if (!reader) return tl::unexpected(reader.error());
        reader_ = std::move(*reader);
    }
    Result<void> started = reader_->start(*positions);
    if (started || started.error().code != Error::Code::conflict) return started;
    if (Result<void> emptied = empty_view(started.error().message); !emptied) return emptied;
    return reader_->start({});
}

Result<void> ViewFeeder::Worker::empty_view(const std::string& why) {
    log::warn("the view of jobs is emptied and read anew", {{"why", why}});
    Result<void> cleared = view_->clear();
    if (!cleared) {
        is_to_rebuild_ = true;
        return cleared;
    }
    ++status_.rebuilds;
    return {};
}

Result<void> ViewFeeder::Worker::apply() {
    const EventBatch batch = reader_->batch();
    Result<std::vector<JobChange>> changes = view_->apply(batch);
    applied_at_ = Steady::now();
    if (!changes) return tl::unexpected(changes.error());
    status_.applied += batch.events.size();
    status_.skipped = skipped_before_ + reader_->skipped();
    if (!batch.events.empty()) status_.behind = std::max(now() - reader_->latest(), Duration(0));
    reader_->clear();
    tell_changes(std::move(*changes));
    return {};
}

// Somebody may have emptied the database, or exchanged it.
Result<void> ViewFeeder::Worker::check_positions() {
    const Result<EventPositions> positions = view_->positions();
    if (!positions) return tl::unexpected(positions.error());
    for (const auto& [partition, from] : reader_->batch().from) {
        const auto found = positions->find(partition);
        if (found == positions->end() || found->second < from) {
            return failure(Error::Code::conflict, "the view of jobs was emptied");
        }
    }
    return {};
}

// A step of it at a time, between batches.
Result<void> ViewFeeder::Worker::keep_house() {
    const auto at = Steady::now();
    if (at - checked_at_ >= between_checks) {
        checked_at_ = at;
        if (Result<void> checked = check_positions(); !checked) return checked;
    }
    if (at - forgot_at_ >= options_.retention_interval && to_forget_.empty()) {
        forgot_at_ = at;
        traces_due_ = true;
        const std::lock_guard lock(mutex_);
        to_forget_.assign(retention_.begin(), retention_.end());
    }
    if (Result<void> forgotten = forget_a_little(); !forgotten) return forgotten;
    if (at - looked_at_ < between_looks_at_partitions) return {};
    looked_at_ = at;
    const Result<bool> has_new = reader_->has_new_partitions();
    if (!has_new) return tl::unexpected(has_new.error());
    return *has_new ? begin_reading() : Result<void>();
}

Result<void> ViewFeeder::Worker::forget_a_little() {
    Result<Forgotten> forgotten;
    if (!to_forget_.empty()) {
        const auto [queue, retention] = std::move(to_forget_.front());
        to_forget_.pop_front();
        forgotten = view_->forget(queue, retention, now(), forgotten_at_once);
        if (forgotten && forgotten->more) to_forget_.emplace_back(queue, retention);
    } else if (std::exchange(traces_due_, false)) {
        forgotten = view_->forget_traces(now(), now() - options_.keep_figures, forgotten_at_once);
        if (forgotten && forgotten->more) traces_due_ = true;
    }
    if (!forgotten) return tl::unexpected(forgotten.error());
    return {};
}

// Until woken, at most so long.
void ViewFeeder::Worker::sleep(Steady::duration time) {
    const auto left = std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count(), 0);
    pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, static_cast<int>(left));
}

void ViewFeeder::Worker::note_trouble(const Error& error) {
    // What the view says is not ours, or that it does not follow on the batch: it is looked at anew, at its positions.
    if (error.code == Error::Code::internal) is_to_rebuild_ = true;
    if (status_.trouble != error.message) {
        log::warn("the view of jobs is not fed, trying again", {{"error", error.message}});
    }
    status_.trouble = error.message;
    status_.leads = status_.caught_up = false;
    follows_ = false;
    if (reader_) skipped_before_ += reader_->skipped();
    reader_.reset();
    tell_status();
    wakeup_.clear();  // librdkafka may have something to say all the time
}

// --- to the owner

template <class Call>
void ViewFeeder::Worker::post(Call call) {
    boost::asio::post(
        owner_, [call = std::move(call), alive = std::weak_ptr<const bool>(alive_), &listener = listener_]() mutable {
            if (!alive.expired()) call(listener);
        });
}

void ViewFeeder::Worker::tell_changes(std::vector<JobChange> changes) {
    if (changes.empty()) return;
    if (*unheard_ >= most_unheard) {  // the owner is behind: it gets to hear that it missed some, and not of each
        missed_ = true;
        return;
    }
    if (missed_) tell_missed();
    ++*unheard_;
    post([changes = std::move(changes), unheard = unheard_](Listener& listener) {
        --*unheard;
        listener.jobs_changed(changes);
    });
}

void ViewFeeder::Worker::tell_missed() {
    missed_ = false;
    post([](Listener& listener) { listener.changes_missed(); });
}

void ViewFeeder::Worker::tell_status() {
    if (missed_ && *unheard_ < most_unheard) tell_missed();
    const bool is_news = status_.leads != told_.leads || status_.caught_up != told_.caught_up ||
                         status_.trouble != told_.trouble || status_.rebuilds != told_.rebuilds;
    const bool are_new_numbers = status_ != told_ && Steady::now() - told_at_ >= between_numbers;
    if (!is_news && !are_new_numbers) return;
    told_at_ = Steady::now();
    told_ = status_;
    post([status = status_](Listener& listener) { listener.status_changed(status); });
}

ViewFeeder::ViewFeeder(FeederOptions options, boost::asio::any_io_executor owner, Listener& listener)
    : worker_(std::make_unique<Worker>(std::move(options), std::move(owner), listener)) {}
ViewFeeder::~ViewFeeder() = default;

void ViewFeeder::retain(std::map<std::string, QueueRetention> by_queue) { worker_->retain(std::move(by_queue)); }
void ViewFeeder::rebuild() { worker_->rebuild(); }

}  // namespace drover::gateway
