#include "operator/kafka_cluster.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "operator/arrival_watch.h"
#include "src/lag/control_follower.h"
#include "operator/control_producer.h"
#include "operator/core/topic_plan.h"
#include "src/lag/queue_offsets.h"
#include "src/kafka/admin.h"
#include "src/kube/owner_calls.h"
#include "src/telemetry/log.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;
using jobqueue::QueueFigures;
using operator_core::Finding;
using Steady = std::chrono::steady_clock;

constexpr auto call_timeout = 5s;
constexpr auto awake_interval = 500ms;
constexpr auto in_one_go = 100ms;  // what is due within it is looked at in one go
constexpr auto after_trouble = 300ms;
constexpr auto idle_interval = 30s;
constexpr auto refused_interval = 3s;
constexpr auto prepare_again = 3s;
constexpr auto keep_house_interval = 60s;
constexpr auto count_interval = 30s;          // of partitions, to which somebody may add some
constexpr auto recommit_interval = 24h;       // Kafka forgets the offsets of an empty group after seven days
constexpr std::int64_t kept_finished = 1000;  // records of a partition: redelivery is recognised by them
constexpr int expected_queues = 100;
constexpr const char* pause_source = "operator";
constexpr std::size_t most_samples = 256;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

bool is_outage(const Error& error) {
    return error.code == Error::Code::unavailable || error.code == Error::Code::timeout;
}

Finding reachable() { return {Finding::Is::yes, "Reachable", "Kafka answers"}; }
Finding unreachable(const Error& error) {
    const char* reason = error.code == Error::Code::unauthorized ? "Unauthorized"
                         : is_outage(error)                      ? "Unreachable"
                                                                 : "KafkaRefused";
    return {Finding::Is::no, reason, error.message};
}

// When how many jobs had arrived: of a queue's end offsets, added up. Older ones are thinned out.
class Arrivals {
public:
    void add(Time at, std::int64_t ends) {
        if (!samples_.empty() && ends < samples_.back().ends) samples_.clear();  // the topic was made anew
        if (!samples_.empty() && samples_.back().ends == ends) return;
        samples_.push_back({at, ends});
        if (samples_.size() <= most_samples) return;
        std::deque<Sample> thinner;
        for (std::size_t i = 0; i < samples_.size(); ++i) {
            if (i % 2 == 0 || i + most_samples / 4 >= samples_.size()) thinner.push_back(samples_[i]);
        }
        samples_ = std::move(thinner);
    }
    // When the oldest of the last `unfinished` ones was there at the latest.
    std::optional<Time> oldest(std::int64_t unfinished) const {
        if (unfinished <= 0 || samples_.empty()) return std::nullopt;
        const std::int64_t number = samples_.back().ends - unfinished;
        const auto found = std::ranges::upper_bound(samples_, number, {}, &Sample::ends);
        return found == samples_.end() ? samples_.back().at : found->at;
    }

private:
    struct Sample {
        Time at;
        std::int64_t ends;
    };
    std::deque<Sample> samples_;
};

}  // namespace

bool QueueView::says_the_same(const QueueView& other) const {
    return reachable == other.reachable && topics_ready == other.topics_ready && figures == other.figures;
}

class KafkaCluster::Worker {
public:
    Worker(kafka::Settings settings, boost::asio::any_io_executor owner, Listener& listener,
           std::function<bool()> may_write)
        : settings_(std::move(settings)),
          may_write_(std::move(may_write)),
          calls_(std::move(owner), listener, alive_),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    void wish(const kube::ObjectKey& key, QueueWish wish) {
        const std::lock_guard lock(mutex_);
        const auto found = wishes_.find(key);
        if (found != wishes_.end() && found->second == wish) return;
        wishes_.insert_or_assign(key, std::move(wish));
        is_news_ = true;
        wakeup_.notify();
    }
    void forget(const kube::ObjectKey& key) {
        const std::lock_guard lock(mutex_);
        if (wishes_.erase(key) == 0) return;
        forgotten_.insert(key);
        is_news_ = true;
        wakeup_.notify();
    }

private:
    struct Queue {
        QueueWish wish;
        jobqueue::Topics topics;
        bool is_prepared = false;                       // its topics are there
        std::vector<kafka::TopicPartition> partitions;  // of all its topics
        std::vector<kafka::TopicPartition> watched;     // of those that tell that there is news
        Steady::time_point prepare_at, look_at, keep_house_at, recommit_at, count_at;
        Arrivals arrivals;
        QueueView view;
        bool is_told = false;
        bool is_refused = false;     // it spoils a look at several: it is looked at alone
        bool is_leaderless = false;  // in part: it is not looked at until all of it has leaders
    };
    using Queues = std::map<kube::ObjectKey, Queue>;
    using Entry = Queues::value_type;
    using Offsets = std::map<kafka::TopicPartition, kafka::PartitionOffsets>;
    using GroupPositions = std::map<std::string, kafka::Admin::Positions>;

    void run(const std::stop_token& stop);
    void take_wishes();
    Result<std::size_t> round();  // how many queues were looked at
    Result<std::vector<Entry*>> with_leaders(const std::vector<Entry*>& queues);
    Result<void> check_outage(const std::vector<Entry*>& queues, const Error& error);
    Result<void> connect();
    Result<void> prepare(const std::vector<Entry*>& queues);
    Result<void> prepare_each();
    std::vector<Entry*> due_for_a_look();
    Result<void> count_partitions(const std::vector<Entry*>& queues);
    void watch_for_arrivals(Entry& entry, const lag::QueueOffsets& seen);
    void sleep(bool in_trouble);
    Result<void> look(const std::vector<Entry*>& queues);
    Result<void> look_at(Entry& entry, const Offsets& all, const GroupPositions& positions, Time began);
    void say_in_control(Entry& entry);
    void keep_house(Entry& entry, const lag::QueueOffsets& seen);
    void recommit(Entry& entry, const lag::QueueOffsets& seen);
    void tell(Entry& entry, QueueView view);
    void tell_missing(Entry& entry, const std::string& topic);
    void tell_trouble(Entry& entry, Finding reachable);

    const kafka::Settings settings_;
    const std::function<bool()> may_write_;
    const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    const kube::OwnerCalls<Listener> calls_;

    std::mutex mutex_;  // guards the next three
    std::map<kube::ObjectKey, QueueWish> wishes_;
    std::set<kube::ObjectKey> forgotten_;  // since the thread looked last; some may be wished for again
    bool is_news_ = false;

    // Of the thread, but for notify().
    kafka::Wakeup wakeup_;
    Queues queues_;
    std::unique_ptr<kafka::Admin> admin_;
    std::unique_ptr<lag::ControlFollower> control_;
    std::unique_ptr<ControlProducer> producer_;
    std::unique_ptr<ArrivalWatch> arrivals_;
    bool has_recommitted_ = false;  // in this round
    std::jthread thread_;           // last: it uses all of the above
};

void KafkaCluster::Worker::run(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { wakeup_.notify(); });
    while (!stop.stop_requested()) {
        const auto began = Steady::now();
        take_wishes();
        const Result<std::size_t> looked = queues_.empty() ? Result<std::size_t>(0) : round();
        if (!looked) {
            for (Entry& entry : queues_) tell_trouble(entry, unreachable(looked.error()));
        }
        if (!looked || *looked > 0) {
            const auto work = std::chrono::duration_cast<Duration>(Steady::now() - began);
            calls_.post([work, ok = looked.has_value()](Listener& listener) { listener.round_done(work, ok); });
        }
        sleep(!looked);
    }
}

// Until something came, somebody wished for something, or a queue is due.
void KafkaCluster::Worker::sleep(bool in_trouble) {
    if (in_trouble) {  // librdkafka has something to say all the time
        std::this_thread::sleep_for(after_trouble);
        return;
    }
    auto due = Steady::now() + idle_interval;
    for (const auto& [key, queue] : queues_) due = std::min(due, queue.is_prepared ? queue.look_at : queue.prepare_at);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Steady::now());
    pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    wakeup_.clear();
    if (!arrivals_) return;
    for (const kube::ObjectKey& key : arrivals_->arrived()) {
        const auto queue = queues_.find(key);
        if (queue != queues_.end()) queue->second.look_at = Steady::now();
    }
}

void KafkaCluster::Worker::take_wishes() {
    const std::lock_guard lock(mutex_);
    if (!is_news_) return;
    is_news_ = false;
    for (const kube::ObjectKey& key : std::exchange(forgotten_, {})) {
        const auto queue = queues_.find(key);
        if (queue == queues_.end()) continue;
        if (control_) control_->forget(queue->second.topics.control);
        if (producer_) producer_->forget(queue->second.topics.control);
        if (arrivals_) arrivals_->forget(key);
        queues_.erase(queue);
    }
    for (const auto& [key, wish] : wishes_) {
        Queue& queue = queues_[key];
        if (queue.wish == wish) continue;
        const bool same_queue =
            queue.wish.queue && *queue.wish.queue == *wish.queue && queue.wish.retired == wish.retired;
        queue.wish = wish;
        queue.look_at = Steady::now();
        if (same_queue) continue;
        queue.topics = jobqueue::topics_of(*wish.queue);
        queue.topics.retries.insert(queue.topics.retries.end(), wish.retired.begin(), wish.retired.end());
        queue.is_prepared = false;
        queue.prepare_at = Steady::now();
    }
}

Result<void> KafkaCluster::Worker::connect() {
    if (!admin_) {
        auto admin = kafka::Admin::connect(settings_, call_timeout);
        if (!admin) return tl::unexpected(admin.error());
        admin_ = std::move(*admin);
    }
    if (!control_) {
        auto follower = lag::ControlFollower::create(settings_, expected_queues,
                                                     jobqueue::group_of(*queues_.begin()->second.wish.queue));
        if (!follower) return tl::unexpected(follower.error());
        control_ = std::move(*follower);
    }
    if (!arrivals_) {
        auto watch = ArrivalWatch::create(settings_, jobqueue::group_of(*queues_.begin()->second.wish.queue), wakeup_);
        if (!watch) return tl::unexpected(watch.error());
        arrivals_ = std::move(*watch);
    }
    if (!producer_) {
        auto producer = ControlProducer::create(settings_);
        if (!producer) return tl::unexpected(producer.error());
        producer_ = std::move(*producer);
    }
    return {};
}

Result<std::size_t> KafkaCluster::Worker::round() {
    has_recommitted_ = false;
    if (Result<void> connected = connect(); !connected) return tl::unexpected(connected.error());
    producer_->poll();  // before anything is read: what is acknowledged is read as well
    if (Result<void> prepared = prepare_each(); !prepared) return tl::unexpected(prepared.error());
    const std::vector<Entry*> queues = due_for_a_look();
    std::vector<Entry*> together, alone, leaderless;
    for (Entry* entry : queues) {
        const Queue& queue = entry->second;
        (queue.is_leaderless ? leaderless : queue.is_refused ? alone : together).push_back(entry);
    }
    const auto healed = with_leaders(leaderless);
    if (!healed) return tl::unexpected(healed.error());
    together.insert(together.end(), healed->begin(), healed->end());
    if (const Result<void> looked = look(together); !looked) {
        if (is_outage(looked.error())) {
            Result<void> there = check_outage(together, looked.error());
            if (!there) return tl::unexpected(there.error());
            return queues.size();  // those that have leaders are due still
        }
        alone.insert(alone.end(), together.begin(), together.end());
    }
    // One queue's refusal is no trouble of the others, and does not cost them a look each time.
    for (Entry* entry : alone) {
        const Result<void> looked = look({entry});
        if (!looked && is_outage(looked.error())) {
            if (Result<void> there = check_outage({entry}, looked.error()); !there)
                return tl::unexpected(there.error());
            continue;
        }
        entry->second.is_refused = !looked;
        if (looked) continue;
        tell_trouble(*entry, unreachable(looked.error()));
        entry->second.look_at = Steady::now() + refused_interval;
    }
    return queues.size();
}

// A partition without a leader, as on a broker that died and has the only replica, is the trouble of its own queue.
// Fails where these queues have none: then it is an outage.
Result<void> KafkaCluster::Worker::check_outage(const std::vector<Entry*>& queues, const Error& error) {
    const auto led = with_leaders(queues);
    if (!led) return tl::unexpected(led.error());
    if (led->size() == queues.size()) return tl::unexpected(error);
    return {};
}

// Those of which each partition has one. The others are put off, as every question about them would be waited for in
// vain.
Result<std::vector<KafkaCluster::Worker::Entry*>> KafkaCluster::Worker::with_leaders(
    const std::vector<Entry*>& queues) {
    std::vector<std::string> names;
    for (const Entry* entry : queues) {
        for (const kafka::TopicPartition& partition : entry->second.partitions) {
            if (partition.partition == 0) names.push_back(partition.topic);
        }
    }
    std::vector<Entry*> led;
    if (names.empty()) return led;
    const auto lacking = admin_->without_leader(names);
    if (!lacking) return tl::unexpected(lacking.error());
    for (Entry* entry : queues) {
        Queue& queue = entry->second;
        const auto found = std::ranges::find_first_of(queue.partitions, *lacking);
        queue.is_leaderless = found != queue.partitions.end();
        if (!queue.is_leaderless) {
            led.push_back(entry);
            continue;
        }
        tell_trouble(*entry, {Finding::Is::no, "LeaderNotAvailable",
                              "Topic " + found->topic + ": partition " + std::to_string(found->partition) +
                                  " has no leader; other queues of this Kafka go on"});
        queue.look_at = Steady::now() + refused_interval;
    }
    return led;
}

Result<void> KafkaCluster::Worker::prepare_each() {
    std::vector<Entry*> queues;
    for (Entry& entry : queues_) {
        if (!entry.second.is_prepared && entry.second.prepare_at <= Steady::now()) queues.push_back(&entry);
    }
    if (queues.empty()) return {};
    Result<void> prepared = prepare(queues);
    if (prepared || is_outage(prepared.error())) return prepared;
    for (Entry* entry : queues) {
        prepared = prepare({entry});
        if (prepared) continue;
        if (is_outage(prepared.error())) return prepared;
        entry->second.prepare_at = Steady::now() + prepare_again;
        QueueView view{.reachable = reachable()};
        if (prepared.error().code == Error::Code::unauthorized) view.reachable = unreachable(prepared.error());
        view.topics_ready = {Finding::Is::no, "TopicsNotCreated", prepared.error().message};
        tell(*entry, std::move(view));
    }
    return {};
}

Result<void> KafkaCluster::Worker::prepare(const std::vector<Entry*>& queues) {
    const Result<int> brokers = admin_->broker_count();
    if (!brokers) return tl::unexpected(brokers.error());
    std::vector<jobqueue::JobQueue> wanted;
    for (const Entry* entry : queues) wanted.push_back(*entry->second.wish.queue);
    std::vector<kafka::TopicSpec> specs;
    std::vector<std::string> names;
    for (operator_core::TopicPlan& plan : operator_core::topic_plan(wanted, *brokers)) {
        names.push_back(plan.topic);
        specs.push_back({std::move(plan.topic), plan.partitions, plan.replication_factor, std::move(plan.config)});
    }
    if (Result<void> made = admin_->ensure_topics(specs); !made) return made;
    const std::set<std::string> planned(names.begin(), names.end());
    for (const Entry* entry : queues) {
        for (const jobqueue::RetryTopic& retired : entry->second.wish.retired) names.push_back(retired.topic);
    }
    const auto counts = admin_->topics(names);
    if (!counts) return tl::unexpected(counts.error());
    for (Entry* entry : queues) {
        Queue& queue = entry->second;
        queue.partitions.clear();
        queue.watched.clear();
        std::string missing;
        const auto add = [&](const std::string& topic, bool watched) {
            const auto count = counts->find(topic);
            if (count == counts->end()) {
                if (planned.contains(topic)) missing = topic;  // a retired one may be gone
                return;
            }
            for (int i = 0; i < count->second; ++i) {
                queue.partitions.push_back({topic, i});
                if (watched) queue.watched.push_back({topic, i});
            }
        };
        for (const jobqueue::LaneTopic& lane : queue.topics.lanes) add(lane.topic, true);
        for (const jobqueue::RetryTopic& retry : queue.topics.retries) add(retry.topic, false);
        add(queue.topics.dead_letters, false);
        add(queue.topics.control, true);
        if (!missing.empty()) {  // a broker that is behind does not know it yet: its backlog would count as none
            queue.prepare_at = Steady::now() + prepare_again;
            tell_missing(*entry, missing);
            continue;
        }
        control_->follow(queue.topics.control);
        arrivals_->forget(entry->first);  // there may be lanes or partitions that it does not watch
        queue.is_prepared = true;
        queue.look_at = Steady::now();
        queue.count_at = Steady::now() + count_interval;
    }
    return {};
}

std::vector<KafkaCluster::Worker::Entry*> KafkaCluster::Worker::due_for_a_look() {
    const auto soon = Steady::now() + in_one_go;
    std::vector<Entry*> due;
    for (Entry& entry : queues_) {
        if (entry.second.is_prepared && entry.second.look_at <= soon) due.push_back(&entry);
    }
    return due;
}

Result<void> KafkaCluster::Worker::look(const std::vector<Entry*>& queues) {
    if (queues.empty()) return {};
    std::vector<kafka::TopicPartition> partitions;
    for (const Entry* entry : queues) {
        partitions.insert(partitions.end(), entry->second.partitions.begin(), entry->second.partitions.end());
    }
    const Time began = now();
    const auto all = admin_->offsets(partitions);
    if (!all) return tl::unexpected(all.error());
    if (Result<void> read = control_->read(*all, call_timeout); !read) return read;
    std::vector<std::string> groups;
    for (const Entry* entry : queues) {
        for (std::string& group : lag::groups_of(*entry->second.wish.queue, entry->second.topics)) {
            groups.push_back(std::move(group));
        }
    }
    const auto positions = admin_->group_positions(groups);
    if (!positions) return tl::unexpected(positions.error());
    for (Entry* entry : queues) {
        if (Result<void> looked = look_at(*entry, *all, *positions, began); !looked) return looked;
    }
    return count_partitions(queues);
}

// One question for all whose time has come. Where there are more or fewer than known, the queue is prepared again.
Result<void> KafkaCluster::Worker::count_partitions(const std::vector<Entry*>& queues) {
    const auto per_topic = [](const Queue& queue) {
        std::map<std::string, int> counts;
        for (const kafka::TopicPartition& partition : queue.partitions) ++counts[partition.topic];
        return counts;
    };
    std::vector<Entry*> due;
    std::vector<std::string> names;
    for (Entry* entry : queues) {
        if (!entry->second.is_prepared || Steady::now() < entry->second.count_at) continue;
        due.push_back(entry);
        for (const auto& [topic, count] : per_topic(entry->second)) names.push_back(topic);
    }
    if (due.empty()) return {};
    const auto found = admin_->topics(names);
    if (!found) return tl::unexpected(found.error());
    for (Entry* entry : due) {
        Queue& queue = entry->second;
        queue.count_at = Steady::now() + count_interval;
        const auto known = per_topic(queue);
        const bool same = std::ranges::all_of(known, [&](const auto& topic) {
            const auto now_is = found->find(topic.first);
            return now_is != found->end() && now_is->second == topic.second;
        });
        if (same) continue;
        queue.is_prepared = false;
        queue.prepare_at = Steady::now();
    }
    return {};
}

Result<void> KafkaCluster::Worker::look_at(Entry& entry, const Offsets& all, const GroupPositions& positions,
                                           Time began) {
    Queue& queue = entry.second;
    const jobqueue::JobQueue& spec = *queue.wish.queue;
    const auto spread = std::hash<std::string>{}(entry.first.text()) % 1000 * idle_interval / 2000;
    queue.look_at = Steady::now() + (queue.wish.awake ? Steady::duration(awake_interval) : idle_interval / 2 + spread);

    lag::QueueOffsets seen;
    for (const kafka::TopicPartition& partition : queue.partitions) {
        const auto offsets = all.find(partition);
        if (offsets == all.end()) {
            queue.is_prepared = false;
            queue.prepare_at = Steady::now();
            tell_missing(entry, partition.topic);
            return {};
        }
        seen.offsets.insert(*offsets);
    }
    for (const std::string& group : lag::groups_of(spec, queue.topics)) {
        const auto& of_group = positions.at(group);
        seen.positions.insert(of_group.begin(), of_group.end());
    }
    for (const jobqueue::RetryTopic& retry : queue.topics.retries) {
        std::vector<kafka::TopicPartition> busy;
        for (const auto& [key, offsets] : seen.offsets) {
            const auto position = seen.positions.find(key);
            const std::int64_t committed = position == seen.positions.end() ? 0 : position->second.offset;
            if (key.topic == retry.topic && offsets.end > std::max(committed, offsets.start)) busy.push_back(key);
        }
        if (busy.empty()) continue;
        auto due = admin_->offsets_at(busy, now() - retry.step);
        if (!due) return tl::unexpected(due.error());
        seen.due.merge(*due);
        if (spec.scaling.idle_after >= retry.step) continue;  // all of it is due by then
        auto soon = admin_->offsets_at(busy, now() - retry.step + spec.scaling.idle_after);
        if (!soon) return tl::unexpected(soon.error());
        seen.due_soon.merge(*soon);
    }
    QueueView view{.reachable = reachable(),
                   .topics_ready = {Finding::Is::yes, "TopicsExist",
                                    "Topic " + queue.topics.main + " and those that belong to it are there"},
                   .figures = lag::figures_of(queue.topics, seen)};
    const jobqueue::ControlState* control = control_->state(queue.topics.control);
    view.figures->paused = control != nullptr && control->paused();
    queue.arrivals.add(now(), view.figures->end_offsets);
    view.at = began;
    view.oldest_since = queue.arrivals.oldest(view.figures->unfinished - view.figures->retrying);
    tell(entry, std::move(view));
    watch_for_arrivals(entry, seen);
    say_in_control(entry);
    keep_house(entry, seen);
    recommit(entry, seen);
    return {};
}

// A queue with nothing to do is looked at when that changes.
void KafkaCluster::Worker::watch_for_arrivals(Entry& entry, const lag::QueueOffsets& seen) {
    Queue& queue = entry.second;
    const auto soon = Steady::now() + awake_interval;
    if (queue.wish.awake || queue.view.figures->unfinished > 0) {
        arrivals_->forget(entry.first);
        queue.look_at = soon;
        return;
    }
    if (arrivals_->watches(entry.first)) {
        if (!arrivals_->is_sure(entry.first)) queue.look_at = soon;
        return;
    }
    std::map<kafka::TopicPartition, std::int64_t> from;
    for (const kafka::TopicPartition& partition : queue.watched)
        from.emplace(partition, seen.offsets.at(partition).end);
    if (Result<void> watched = arrivals_->watch(entry.first, from); !watched) {
        log::warn("a queue cannot be watched for its first job, and is looked at now and then",
                  {{"queue", entry.first.text()}, {"error", watched.error().message}});
    }
    queue.look_at = soon;  // until the watch is sure
}

// What the JobQueue says, to the sidecars that run. It is there when it is read back.
void KafkaCluster::Worker::say_in_control(Entry& entry) {
    Queue& queue = entry.second;
    const std::string& topic = queue.topics.control;
    const jobqueue::ControlState* state = control_->state(topic);
    if (state == nullptr || queue.wish.hot_config.empty()) return;
    std::vector<jobqueue::ControlMessage> messages;
    if (state->config() != queue.wish.hot_config) {
        messages.push_back(jobqueue::control_message(jobqueue::control::Config{queue.wish.hot_config}));
    }
    const auto sources = state->pause_sources();
    const bool said = std::ranges::any_of(sources, [](const auto& pause) { return pause.source == pause_source; });
    const bool paused = queue.wish.queue->paused;
    if (said != paused) {
        messages.push_back(jobqueue::control_message(jobqueue::control::Pause{
            .source = pause_source, .paused = paused, .by = "spec.paused", .reason = "", .at = now()}));
    }
    if (messages.empty() || !may_write_()) return;
    queue.look_at = std::min(queue.look_at, producer_->produce(topic, messages));
}

// Finished records go, but for the last ones. That it fails is no trouble of the queue's: it is tried again.
void KafkaCluster::Worker::keep_house(Entry& entry, const lag::QueueOffsets& seen) {
    Queue& queue = entry.second;
    if (Steady::now() < queue.keep_house_at || !may_write_()) return;
    queue.keep_house_at = Steady::now() + keep_house_interval;
    std::map<kafka::TopicPartition, std::int64_t> before;
    for (const auto& [partition, position] : seen.positions) {
        const auto offsets = seen.offsets.find(partition);
        if (offsets == seen.offsets.end()) continue;
        const std::int64_t last = std::min(position.offset, offsets->second.end) - kept_finished;
        if (last >= offsets->second.start + kept_finished) before.emplace(partition, last);
    }
    if (!before.empty()) {
        if (const Result<void> deleted = admin_->delete_records(before); !deleted) {
            log::warn("finished records cannot be deleted",
                      {{"queue", entry.first.text()}, {"error", deleted.error().message}});
        }
    }
}

// One queue in a round: of a hundred that are new, one after the other would hold up the first job of all.
void KafkaCluster::Worker::recommit(Entry& entry, const lag::QueueOffsets& seen) {
    Queue& queue = entry.second;
    if (queue.wish.awake || has_recommitted_ || Steady::now() < queue.recommit_at || !may_write_()) return;
    has_recommitted_ = true;
    queue.recommit_at = Steady::now() + recommit_interval;
    for (const std::string& group : lag::groups_of(*queue.wish.queue, queue.topics)) {
        // Read once more: what is written back has to be what is there.
        const auto positions = admin_->group_positions(group);
        if (!positions || positions->empty()) continue;
        std::vector<kafka::Position> again;
        for (const auto& [partition, position] : *positions) {
            if (seen.offsets.contains(partition)) again.push_back(position);
        }
        if (!may_write_()) return;
        const Result<void> set = admin_->set_group_positions(group, again);
        if (!set && set.error().code != Error::Code::conflict) {  // a group with members keeps its offsets by itself
            log::warn("an idle group's offsets cannot be committed again",
                      {{"group", group}, {"error", set.error().message}});
        }
    }
}

void KafkaCluster::Worker::tell(Entry& entry, QueueView view) {
    Queue& queue = entry.second;
    const bool same = queue.is_told && queue.wish.retired.empty() && view.says_the_same(queue.view);
    queue.view = std::move(view);
    if (same) return;
    queue.is_told = true;
    calls_.post([key = entry.first, told = queue.view](Listener& listener) { listener.looked(key, told); });
}

void KafkaCluster::Worker::tell_missing(Entry& entry, const std::string& topic) {
    tell(entry, {.reachable = reachable(),
                 .topics_ready = {Finding::Is::no, "TopicMissing",
                                  "Topic " + topic + " is not there any more; it is created again"}});
}

void KafkaCluster::Worker::tell_trouble(Entry& entry, Finding reachable) {
    QueueView view{.reachable = std::move(reachable), .topics_ready = entry.second.view.topics_ready};
    if (view.topics_ready.is == Finding::Is::yes) {
        view.topics_ready = {Finding::Is::unknown, "KafkaUnreachable", "The topics cannot be looked at"};
    }
    entry.second.look_at = Steady::now();
    tell(entry, std::move(view));
}

KafkaCluster::KafkaCluster(kafka::Settings settings, boost::asio::any_io_executor owner, Listener& listener,
                           std::function<bool()> may_write)
    : worker_(std::make_unique<Worker>(std::move(settings), std::move(owner), listener, std::move(may_write))) {}

KafkaCluster::~KafkaCluster() = default;

void KafkaCluster::wish(const kube::ObjectKey& key, QueueWish wish) { worker_->wish(key, std::move(wish)); }

void KafkaCluster::forget(const kube::ObjectKey& key) { worker_->forget(key); }

}  // namespace drover::operators
