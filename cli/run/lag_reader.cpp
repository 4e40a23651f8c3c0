#include "cli/run/lag_reader.h"

#include <algorithm>
#include <iterator>

#include <boost/asio/post.hpp>

#include "cli/record_writer.h"
#include "operator/core/topic_plan.h"
#include "src/jobqueue/queue_record.h"
#include "src/jobqueue/shared_topics.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using jobqueue::QueueFigures;
using lag::QueueOffsets;

constexpr auto call_timeout = 5s;
constexpr auto interval = 500ms;
constexpr std::ptrdiff_t most_news = 1000;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

LagReader::LagReader(boost::asio::io_context& io, kafka::Settings settings, std::vector<jobqueue::JobQueue> queues,
                     bool announce, Listener listener)
    : io_(io),
      settings_(std::move(settings)),
      queues_(std::move(queues)),
      announces_(announce),
      listener_(std::move(listener)),
      thread_([this](const std::stop_token& stop) {
          run(stop);
          const std::lock_guard lock(mutex_);
          if (ended_) boost::asio::post(io_, std::move(ended_));
      }) {}

LagReader::~LagReader() = default;

void LagReader::tell(const jobqueue::JobQueue& queue, const jobqueue::WorkersRecord& workers) {
    if (!announces_) return;
    const std::lock_guard lock(mutex_);
    news_.push_back(jobqueue::workers_record(jobqueue::qualified_name(queue), workers));
    keep_latest_news();
}

void LagReader::keep_latest_news() {
    // The latest of each queue stays in any case.
    const auto is_outdated = [this](const jobqueue::ControlMessage& each) {
        return std::ranges::count(news_, each.key, &jobqueue::ControlMessage::key) > 1;
    };
    while (std::ssize(news_) > most_news) {
        const auto outdated = std::ranges::find_if(news_, is_outdated);
        if (outdated == news_.end()) return;
        news_.erase(outdated);
    }
}

void LagReader::stop(std::function<void()> ended) {
    {
        const std::lock_guard lock(mutex_);
        ended_ = std::move(ended);
    }
    thread_.request_stop();
}

bool LagReader::pause(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, interval, [] { return false; });
    return !stop.stop_requested();
}

void LagReader::run(const std::stop_token& stop) {
    for (Result<int> brokers = prepare(stop);; brokers = prepare(stop)) {
        if (brokers) {
            boost::asio::post(io_, [this, count = *brokers] { listener_.topics_ready(count); });
            break;
        }
        boost::asio::post(io_, [this, why = brokers.error()] { listener_.waiting(why); });
        if (!pause(stop)) return;
    }
    do {
        Look one{std::chrono::steady_clock::now(), look()};
        boost::asio::post(io_, [this, one = std::move(one)] { listener_.looked(one); });
        write_news(stop);
    } while (pause(stop));
}

Result<int> LagReader::prepare(const std::stop_token& stop) {
    if (!admin_) {
        auto admin = kafka::Admin::connect(settings_, call_timeout);
        if (!admin) return tl::unexpected(admin.error());
        admin_ = std::move(*admin);
    }
    Result<int> brokers = admin_->broker_count();
    if (!brokers) return brokers;
    std::vector<std::string> names;
    for (const jobqueue::JobQueue& queue : queues_) {
        const jobqueue::Topics topics = jobqueue::topics_of(queue);
        for (const jobqueue::LaneTopic& lane : topics.lanes) names.push_back(lane.topic);
        for (const jobqueue::RetryTopic& retry : topics.retries) names.push_back(retry.topic);
        names.push_back(topics.control);
    }
    std::vector<kafka::TopicSpec> specs;
    for (operator_core::TopicPlan& plan : operator_core::topic_plan(queues_, *brokers)) {
        specs.push_back({std::move(plan.topic), plan.partitions, plan.replication_factor, std::move(plan.config)});
    }
    if (announces_) {
        for (jobqueue::SharedTopic& each : jobqueue::shared_topics(*brokers)) {
            const bool planned = std::ranges::find(specs, each.topic, &kafka::TopicSpec::topic) != specs.end();
            if (!planned)
                specs.push_back(
                    {std::move(each.topic), each.partitions, each.replication_factor, std::move(each.config)});
        }
    }
    if (Result<void> made = admin_->ensure_topics(specs); !made) return tl::unexpected(made.error());
    if (Result<void> announced = announce(stop); !announced) return tl::unexpected(announced.error());
    const auto counts = admin_->topics(names);
    if (!counts) return tl::unexpected(counts.error());
    partitions_.clear();
    for (const auto& [topic, count] : *counts) {
        for (int i = 0; i < count; ++i) partitions_.push_back({topic, i});
    }
    auto control =
        lag::ControlFollower::create(settings_, static_cast<int>(queues_.size()), jobqueue::group_of(queues_.front()));
    if (!control) return tl::unexpected(control.error());
    control_ = std::move(*control);
    for (const jobqueue::JobQueue& queue : queues_) control_->follow(jobqueue::topics_of(queue).control);
    return brokers;
}

Result<void> LagReader::announce(const std::stop_token& stop) {
    if (!announces_) return {};
    std::vector<jobqueue::ControlMessage> records;
    for (const jobqueue::JobQueue& queue : queues_) records.push_back(jobqueue::queue_record(queue));
    return write(records, stop);
}

// What fails is tried with the next look: the figures say then what is wrong with Kafka.
void LagReader::write_news(const std::stop_token& stop) {
    std::vector<jobqueue::ControlMessage> news;
    {
        const std::lock_guard lock(mutex_);
        news.swap(news_);
    }
    if (news.empty() || write(news, stop)) return;
    const std::lock_guard lock(mutex_);
    news.insert(news.end(), std::make_move_iterator(news_.begin()), std::make_move_iterator(news_.end()));
    news_ = std::move(news);
    keep_latest_news();
}

// When it is to stop it waits no longer for a Kafka that is away.
Result<void> LagReader::write(const std::vector<jobqueue::ControlMessage>& records, const std::stop_token& stop) {
    constexpr auto last_wait = 1s;
    std::optional<std::chrono::steady_clock::time_point> stopped_at;
    auto writer = RecordWriter::create(settings_);
    if (!writer) return tl::unexpected(writer.error());
    for (const jobqueue::ControlMessage& record : records) {
        const Result<void> queued = (*writer)->produce(
            {.topic = jobqueue::gateway_topic, .key = record.key, .value = record.value, .headers = {}}, 0);
        if (!queued) return queued;
    }
    while ((*writer)->in_flight() > 0) {
        for (const kafka::Delivery& delivery : (*writer)->wait_some()) {
            if (!delivery.outcome) return tl::unexpected((*writer)->explained(delivery.outcome.error()));
        }
        if (!stop.stop_requested()) continue;
        if (!stopped_at) stopped_at = std::chrono::steady_clock::now();
        if (std::chrono::steady_clock::now() - *stopped_at > last_wait) {
            return failure(Error::Code::unavailable, "Kafka does not answer", true);
        }
    }
    return {};
}

Result<std::vector<QueueFigures>> LagReader::look() {
    const auto all = admin_->offsets(partitions_);
    if (!all) return tl::unexpected(all.error());
    // After the ends: of jobs that were submitted to a paused queue it is known that they have to wait.
    if (Result<void> read = control_->read(*all, call_timeout); !read) return tl::unexpected(read.error());
    std::vector<QueueFigures> figures;
    for (const jobqueue::JobQueue& queue : queues_) {
        QueueOffsets offsets;
        const jobqueue::Topics topics = jobqueue::topics_of(queue);
        for (const auto& [key, value] : *all) {
            bool ours = std::ranges::find(topics.lanes, key.topic, &jobqueue::LaneTopic::topic) != topics.lanes.end();
            for (const jobqueue::RetryTopic& retry : topics.retries) ours = ours || key.topic == retry.topic;
            if (ours) offsets.offsets.emplace(key, value);
        }
        Result<QueueFigures> one = look_at(queue, std::move(offsets));
        if (!one) return tl::unexpected(one.error());
        one->paused = control_->state(topics.control)->paused();
        figures.push_back(std::move(*one));
    }
    return figures;
}

Result<QueueFigures> LagReader::look_at(const jobqueue::JobQueue& queue, QueueOffsets look) {
    const jobqueue::Topics topics = jobqueue::topics_of(queue);
    for (const std::string& group : lag::groups_of(queue, topics)) {
        auto positions = admin_->group_positions(group);
        if (!positions) return tl::unexpected(positions.error());
        look.positions.merge(*positions);
    }
    for (const jobqueue::RetryTopic& retry : topics.retries) {
        std::vector<kafka::TopicPartition> busy;
        for (const auto& [key, offsets] : look.offsets) {
            const auto position = look.positions.find(key);
            const std::int64_t committed = position == look.positions.end() ? 0 : position->second.offset;
            if (key.topic == retry.topic && offsets.end > std::max(committed, offsets.start)) busy.push_back(key);
        }
        if (busy.empty()) continue;
        auto due = admin_->offsets_at(busy, now() - retry.step);
        if (!due) return tl::unexpected(due.error());
        look.due.merge(*due);
        if (queue.scaling.idle_after >= retry.step) continue;  // all of it is due by then
        auto soon = admin_->offsets_at(busy, now() - retry.step + queue.scaling.idle_after);
        if (!soon) return tl::unexpected(soon.error());
        look.due_soon.merge(*soon);
    }
    return lag::figures_of(topics, look);
}

}  // namespace drover::cli
