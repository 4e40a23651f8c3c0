#include "gateway/queue_monitor.h"

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <boost/asio/post.hpp>

#include "src/kafka/admin.h"
#include "src/lag/control_follower.h"
#include "src/lag/queue_offsets.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Queues = std::vector<std::shared_ptr<const KnownQueue>>;

constexpr auto interval = 1s;
constexpr auto topics_interval = 15s;  // partitions may be added, topics made
constexpr auto call_timeout = 5s;
constexpr int many_topics = 100;

}  // namespace

class QueueMonitor::Worker {
public:
    Worker(kafka::Settings settings, boost::asio::any_io_executor owner, Listener listener)
        : settings_(std::move(settings)),
          owner_(std::move(owner)),
          listener_(std::make_shared<Listener>(std::move(listener))),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    void watch(Queues queues) {
        const std::lock_guard lock(mutex_);
        queues_ = std::move(queues);
        changed_ = true;
        wake_.notify_one();
    }

private:
    void run(const std::stop_token& stop) {
        do {
            Looks looks = look();
            // Posted things may come after the end.
            boost::asio::post(owner_, [listener = std::weak_ptr(listener_), looks = std::move(looks)]() mutable {
                if (const auto alive = listener.lock()) (*alive)(std::move(looks));
            });
        } while (pause(stop));
    }

    bool pause(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, interval, [this] { return changed_; });
        return !stop.stop_requested();
    }

    Looks look() {
        bool changed = false;
        {
            const std::lock_guard lock(mutex_);
            changed = std::exchange(changed_, false);
            watched_ = queues_;
        }
        if (watched_.empty()) return std::map<std::string, QueueLook>();
        if (changed || Clock::now() >= topics_again_) {
            if (Result<void> found = find_topics(); !found) {
                topics_again_ = {};
                return tl::unexpected(found.error());
            }
            topics_again_ = Clock::now() + topics_interval;
        }
        const auto ends = admin_->offsets(partitions_);
        if (!ends) return tl::unexpected(ends.error());
        if (Result<void> read = control_->read(*ends, call_timeout); !read) return tl::unexpected(read.error());
        return look_at(*ends);
    }

    Result<void> find_topics() {
        if (!admin_) {
            auto admin = kafka::Admin::connect(settings_, call_timeout);
            if (!admin) return tl::unexpected(admin.error());
            admin_ = std::move(*admin);
        }
        if (!control_) {
            auto control = lag::ControlFollower::create(settings_, many_topics, jobqueue::group_of(watched_[0]->queue));
            if (!control) return tl::unexpected(control.error());
            control_ = std::move(*control);
        }
        std::vector<std::string> names;
        for (const auto& queue : watched_) {
            for (const auto& lane : queue->topics.lanes) names.push_back(lane.topic);
            for (const auto& retry : queue->topics.retries) names.push_back(retry.topic);
            names.push_back(queue->topics.dead_letters);
            names.push_back(queue->topics.control);
        }
        const auto counts = admin_->topics(names);
        if (!counts) return tl::unexpected(counts.error());
        partitions_.clear();
        for (const auto& [topic, count] : *counts) {
            for (int i = 0; i < count; ++i) partitions_.push_back({topic, i});
        }
        return follow_controls(*counts);
    }

    Result<void> follow_controls(const std::map<std::string, int>& topics) {
        std::set<std::string> wanted;
        for (const auto& queue : watched_) {
            if (topics.contains(queue->topics.control)) wanted.insert(queue->topics.control);
        }
        for (const std::string& topic : followed_) {
            if (!wanted.contains(topic)) control_->forget(topic);
        }
        for (const std::string& topic : wanted) {
            control_->follow(topic);
        }
        followed_ = std::move(wanted);
        return {};
    }

    Looks look_at(const std::map<kafka::TopicPartition, kafka::PartitionOffsets>& ends) {
        std::vector<std::string> groups;
        for (const auto& queue : watched_) {
            for (std::string& group : lag::groups_of(queue->queue, queue->topics)) groups.push_back(std::move(group));
        }
        const auto positions = admin_->group_positions(groups);
        if (!positions) return tl::unexpected(positions.error());
        std::map<std::string, QueueLook> looks;
        for (const auto& queue : watched_) {
            lag::QueueOffsets offsets;
            const auto add = [&](const std::string& topic) {
                for (auto at = ends.lower_bound({topic, 0}); at != ends.end() && at->first.topic == topic; ++at) {
                    offsets.offsets.insert(*at);
                }
            };
            for (const auto& lane : queue->topics.lanes) add(lane.topic);
            for (const auto& retry : queue->topics.retries) add(retry.topic);
            add(queue->topics.dead_letters);
            for (const std::string& group : lag::groups_of(queue->queue, queue->topics)) {
                const auto found = positions->find(group);
                if (found != positions->end()) offsets.positions.insert(found->second.begin(), found->second.end());
            }
            QueueLook look{.figures = lag::figures_of(queue->topics, offsets), .pauses = {}};
            if (const auto* control = control_->state(queue->topics.control)) look.pauses = control->pause_sources();
            look.figures.paused = !look.pauses.empty();
            if (look.figures.partitions > 0) looks.emplace(queue->name, std::move(look));
        }
        return looks;
    }

    const kafka::Settings settings_;
    const boost::asio::any_io_executor owner_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    Queues queues_;         // with the lock, as the next
    bool changed_ = false;  // since the last look

    Queues watched_;  // of the thread, as all that follows
    std::unique_ptr<kafka::Admin> admin_;
    std::unique_ptr<lag::ControlFollower> control_;
    std::set<std::string> followed_;
    std::vector<kafka::TopicPartition> partitions_;
    Clock::time_point topics_again_{};
    const std::shared_ptr<Listener> listener_;
    std::jthread thread_;  // last: it uses all of the above
};

QueueMonitor::QueueMonitor(kafka::Settings settings, boost::asio::any_io_executor owner, Listener listener)
    : worker_(std::make_unique<Worker>(std::move(settings), std::move(owner), std::move(listener))) {}

QueueMonitor::~QueueMonitor() = default;

void QueueMonitor::watch(Queues queues) { worker_->watch(std::move(queues)); }

}  // namespace drover::gateway
