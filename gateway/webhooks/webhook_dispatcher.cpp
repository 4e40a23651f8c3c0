#include "gateway/webhooks/webhook_dispatcher.h"

#include <poll.h>

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <boost/asio/post.hpp>

#include "gateway/webhooks/webhook_senders.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/lifecycle_event.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/admin.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/group_member.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::size_t most_open = 5000, most_open_bytes = 64 << 20;  // messages; past these, reading waits
constexpr std::size_t events_at_once = 500;
constexpr auto longest_turn = 50ms;  // librdkafka asks to be looked after
constexpr auto commit_interval = 500ms;
constexpr auto patience = 5s;
constexpr int alerts_owner = 0;  // partition

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

class WebhookDispatcher::Loop {
public:
    Loop(WebhookOptions options, WebhookSettings settings, boost::asio::any_io_executor owner, Listener listener)
        : options_(std::move(options)),
          owner_(std::move(owner)),
          listener_(std::make_shared<Listener>(std::move(listener))),
          settings_(std::move(settings)),
          senders_(wakeup_),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    void set(WebhookSettings settings) {
        const std::lock_guard lock(mutex_);
        settings_ = std::move(settings);
    }

    void alert(Alert alert) {
        const std::lock_guard lock(mutex_);
        alerts_.push_back(std::move(alert));
        wakeup_.notify();
    }

private:
    using Id = kafka::Fetcher::Id;

    void run(const std::stop_token& stop) {
        const std::stop_callback wake(stop, [this] { wakeup_.notify(); });
        while (!stop.stop_requested() && !connect()) wait(500ms);
        while (!stop.stop_requested()) {
            const bool more = turn();
            if (!more) wait(longest_turn);
        }
        leave();
    }

    bool connect() {
        auto fetcher = kafka::Fetcher::create(
            options_.kafka, {.queued_bytes = 8 << 20, .expected_partitions = 12, .group = options_.group}, wakeup_);
        if (!fetcher) return note(fetcher.error());
        auto member = kafka::GroupMember::join(
            options_.kafka, {.group = options_.group, .topics = {std::string(jobqueue::events_topic)}}, wakeup_);
        if (!member) return note(member.error());
        fetcher_ = std::move(*fetcher);
        member_ = std::move(*member);
        return true;
    }

    bool note(const Error& error) {
        if (trouble_ != error.message) log::warn("webhooks wait for Kafka", {{"error", error.message}});
        trouble_ = error.message;
        return false;
    }

    void wait(std::chrono::milliseconds longest) {
        pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, static_cast<int>(longest.count()));
        wakeup_.clear();
    }

    // Whether there is more to do at once.
    bool turn() {
        poll_group();
        fetcher_->serve();
        take_settings();
        const bool more = read();
        tell_alerts();
        hear();
        send();
        if (Steady::now() >= commit_at_) commit();
        return more;
    }

    void take_settings() {
        const std::lock_guard lock(mutex_);
        current_ = settings_;
        news_.swap(alerts_);
    }

    // --- the group

    void poll_group() {
        for (const kafka::GroupEvent& event : member_->poll()) {
            std::visit([this](const auto& happened) { on(happened); }, event);
        }
    }

    void on(const kafka::group_event::Assigned& assigned) {
        if (!assigned.partitions.empty()) member_->read_positions(assigned.partitions);
        for (const kafka::TopicPartition& each : assigned.partitions) owned_[each.partition] = {};
    }

    void on(const kafka::group_event::Positions& positions) {
        std::vector<kafka::TopicPartition> again;
        for (const auto& [partition, position] : positions.partitions) {
            const auto owned = owned_.find(partition.partition);
            if (owned == owned_.end() || owned->second.id) continue;
            if (!position) {
                again.push_back(partition);
                continue;
            }
            const Result<std::int64_t> from = *position ? (*position)->offset : first_offset(partition);
            const Id id = ++last_id_;
            const Result<void> started =
                from ? fetcher_->start(id, partition, *from) : Result<void>(tl::unexpected(from.error()));
            if (!started) {
                note(started.error());
                again.push_back(partition);
                continue;
            }
            owned->second.id = id;
            partitions_[id] = partition.partition;
        }
        if (!again.empty()) member_->read_positions(again);
    }

    // Of what has happened since this program began.
    Result<std::int64_t> first_offset(const kafka::TopicPartition& partition) {
        const auto admin = kafka::Admin::connect(options_.kafka, patience);
        if (!admin) return tl::unexpected(admin.error());
        const auto found = (*admin)->offsets_at({partition}, began_);
        if (!found) return tl::unexpected(found.error());
        const auto offset = found->find(partition);
        if (offset == found->end()) return failure(Error::Code::unavailable, "drover.events cannot be read", true);
        return offset->second;
    }

    void on(const kafka::group_event::Revoking& revoking) {
        hear();
        commit();
        for (const kafka::TopicPartition& each : revoking.partitions) drop(each.partition);
        member_->release(revoking.partitions);
    }

    void on(const kafka::group_event::Lost& lost) {
        for (const kafka::TopicPartition& each : lost.partitions) drop(each.partition);
    }

    void on(const kafka::group_event::Committed& committed) {
        for (const auto& [partition, error] : committed.partitions) {
            if (error) committed_.erase(partition.partition);  // again
        }
    }

    void on(const kafka::group_event::Trouble& trouble) { note(trouble.error.error); }
    void on(const kafka::group_event::Closed&) { closed_ = true; }

    void drop(int partition) {
        const auto owned = owned_.find(partition);
        if (owned == owned_.end()) return;
        if (owned->second.id) {
            fetcher_->stop(*owned->second.id);
            partitions_.erase(*owned->second.id);
            ready_.erase(*owned->second.id);
        }
        owned_.erase(owned);
        committed_.erase(partition);
        outbox_.drop(partition);
    }

    void commit() {
        commit_at_ = Steady::now() + commit_interval;
        std::vector<kafka::Position> positions;
        for (const auto& [partition, offset] : outbox_.committable()) {
            const auto known = committed_.find(partition);
            if (!owned_.contains(partition) || (known != committed_.end() && known->second == offset)) continue;
            positions.push_back({{std::string(jobqueue::events_topic), partition}, offset, ""});
            committed_[partition] = offset;
        }
        if (!positions.empty()) member_->commit(positions);
    }

    // --- events

    bool read() {
        std::vector<Id> ready;
        fetcher_->ready(ready);
        ready_.insert(ready.begin(), ready.end());
        for (auto at = ready_.begin(); at != ready_.end() && has_room();) {
            const Id id = *at;
            std::vector<kafka::Fetcher::Fetched> fetched;
            const bool more = partitions_.contains(id) && fetcher_->take(id, events_at_once, fetched);
            for (const kafka::Fetcher::Fetched& each : fetched) take(id, each);
            at = more ? std::next(at) : ready_.erase(at);
        }
        return !ready_.empty() && has_room();
    }

    bool has_room() const { return outbox_.size() < most_open && outbox_.bytes() < most_open_bytes; }

    void take(Id id, const kafka::Fetcher::Fetched& fetched) {
        const int partition = partitions_.at(id);
        if (const auto* record = std::get_if<kafka::Record>(&fetched)) {
            if (record->value()) look_at(partition, *record);
            outbox_.read_up_to(partition, record->offset() + 1);
        } else if (const auto* end = std::get_if<kafka::Fetcher::ReachedEnd>(&fetched)) {
            outbox_.read_up_to(partition, end->offset);
        } else if (std::holds_alternative<kafka::Fetcher::OffsetOutOfRange>(fetched)) {
            log::warn("events are gone before webhooks were told of them", {{"partition", partition}});
            const Result<void> sought = fetcher_->seek(id, kafka::Fetcher::earliest);
            if (!sought) note(sought.error());
        } else {
            note(std::get<kafka::Fetcher::Failed>(fetched).error);
        }
    }

    void look_at(int partition, const kafka::Record& record) {
        const auto event = jobqueue::parse_lifecycle_event(*record.value(), storage_);
        if (!event) return;  // the view's feeder says so
        const std::optional<WebhookEvent> kind = webhook_event_of(event->state);
        if (!kind) return;
        const auto add = [&](const Webhook& webhook) {
            outbox_.add({.to = webhook,
                         .id = webhook_message_id(*event, webhook.name + webhook.url),
                         .body = webhook_body(*event),
                         .born = now(),
                         .partition = partition,
                         .offset = record.offset()});
        };
        for (const Webhook& webhook : current_.webhooks) {
            if (webhook.wants(*kind, event->queue)) add(webhook);
        }
        if (event->callback.empty()) return;
        if (const std::optional<Webhook> callback = current_.callback_to(event->callback)) return add(*callback);
        log::warn("a job's callback is to nowhere that callbacks.hosts allows",
                  {{"queue", event->queue}, {"job", event->job_id}, {"callback", event->callback}});
    }

    void tell_alerts() {
        if (owned_.contains(alerts_owner)) {
            for (const Alert& alert : news_) {
                for (const Webhook& webhook : current_.webhooks) {
                    if (!webhook.wants(WebhookEvent::alert, alert.queue)) continue;
                    const std::string name = webhook.url + alert.queue + alert.name + format_rfc3339(alert.at);
                    outbox_.add({.to = webhook,
                                 .id = "msg_" + jobqueue::named_job_id(name),
                                 .body = alert_body(alert),
                                 .born = now(),
                                 .partition = std::nullopt});
                }
            }
        }
        news_.clear();
    }

    // --- messages

    void send() {
        while (senders_.is_free()) {
            std::optional<WebhookOutbox::Sending> sending = outbox_.next(now());
            if (!sending) return;
            senders_.send(std::move(*sending), now());
        }
    }

    void hear() {
        for (WebhookSenders::Answer& answer : senders_.take_answers()) {
            const auto outcome = outbox_.ended(answer.token, answer.status, now());
            if (!outcome) continue;
            boost::asio::post(owner_, [told = Told{std::move(answer.webhook), *outcome, std::move(answer.trouble)},
                                       listener = std::weak_ptr(listener_)] {
                if (const auto alive = listener.lock()) (*alive)(told);
            });
        }
    }

    void leave() {
        if (!member_) return;
        hear();
        commit();
        member_->close();
        for (const auto last = Steady::now() + patience; !closed_ && Steady::now() < last;) {
            poll_group();
            if (!closed_) wait(longest_turn);
        }
        member_.reset();
        fetcher_.reset();
    }

    struct Owned {
        std::optional<Id> id;  // nothing: where to begin is being asked for
    };

    const WebhookOptions options_;
    const boost::asio::any_io_executor owner_;
    const std::shared_ptr<Listener> listener_;

    std::mutex mutex_;  // guards the next
    WebhookSettings settings_;
    std::vector<Alert> alerts_;

    kafka::Wakeup wakeup_;
    WebhookSenders senders_;

    const Time began_ = now();
    WebhookSettings current_;  // of the thread, as all that follows
    std::vector<Alert> news_;
    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::unique_ptr<kafka::GroupMember> member_;
    std::map<int, Owned> owned_;
    std::map<Id, int> partitions_;
    std::set<Id> ready_;
    Id last_id_ = 0;
    WebhookOutbox outbox_;
    std::map<int, std::int64_t> committed_;  // or on its way
    Steady::time_point commit_at_{};
    std::string storage_, trouble_;
    bool closed_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

WebhookDispatcher::WebhookDispatcher(WebhookOptions options, WebhookSettings settings,
                                     boost::asio::any_io_executor owner, Listener listener)
    : loop_(std::make_unique<Loop>(std::move(options), std::move(settings), std::move(owner), std::move(listener))) {}

WebhookDispatcher::~WebhookDispatcher() = default;

void WebhookDispatcher::set(WebhookSettings settings) { loop_->set(std::move(settings)); }
void WebhookDispatcher::alert(Alert alert) { loop_->alert(std::move(alert)); }

}  // namespace drover::gateway
