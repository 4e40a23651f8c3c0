#include "src/lag/control_follower.h"

#include <poll.h>

namespace drover::lag {
namespace {

constexpr std::size_t records_at_once = 500;
constexpr int longest_sleep_ms = 100;
constexpr std::chrono::milliseconds longest_wait{500};

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

Result<std::unique_ptr<ControlFollower>> ControlFollower::create(const kafka::Settings& settings, int topics,
                                                                 const std::string& group) {
    auto follower = std::make_unique<ControlFollower>();
    auto fetcher = kafka::Fetcher::create(
        settings, {.expected_partitions = topics, .longest_wait = longest_wait, .group = group}, follower->wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    follower->fetcher_ = std::move(*fetcher);
    follower->log_.emplace(*follower->fetcher_);
    return follower;
}

Result<void> ControlFollower::follow(const std::string& topic) {
    if (ids_.contains(topic)) return {};
    const kafka::TopicPartition partition{topic, 0};
    const kafka::Fetcher::Id id = next_id_++;
    if (Result<void> started = log_->start(id, partition); !started) return started;
    topics_.emplace(id, Topic{partition, {}});
    ids_.emplace(topic, id);
    return {};
}

void ControlFollower::forget(const std::string& topic) {
    const auto found = ids_.find(topic);
    if (found == ids_.end()) return;
    log_->stop(found->second);
    topics_.erase(found->second);
    ids_.erase(found);
}

Result<void> ControlFollower::read(const Ends& ends, std::chrono::milliseconds patience) {
    const auto last = std::chrono::steady_clock::now() + patience;
    for (take(); !has_read(ends); take()) {
        if (std::chrono::steady_clock::now() > last) {
            return failure(Error::Code::timeout,
                           "the control topics cannot be read" + (trouble_.empty() ? "" : ": " + trouble_), true);
        }
        pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, longest_sleep_ms);
    }
    trouble_.clear();
    return {};
}

const jobqueue::ControlState* ControlFollower::state(const std::string& topic) const {
    const auto id = ids_.find(topic);
    return id == ids_.end() ? nullptr : &topics_.at(id->second).state;
}

void ControlFollower::take() {
    wakeup_.clear();
    for (const kafka::ClientError& error : fetcher_->serve()) trouble_ = error.error.message;
    ready_.clear();
    fetcher_->ready(ready_);
    for (const kafka::Fetcher::Id id : ready_) {
        const auto topic = topics_.find(id);
        if (topic == topics_.end()) continue;  // forgotten meanwhile
        for (bool more = true; more;) {
            records_.clear();
            more = log_->take(id, records_at_once, records_);
            for (const kafka::Record& record : records_) {
                // What cannot be understood is said by the sidecars.
                const auto parsed = jobqueue::parse_control(record.key(), record.value());
                if (parsed && (std::holds_alternative<jobqueue::control::Pause>(*parsed) ||
                               std::holds_alternative<jobqueue::control::Config>(*parsed))) {
                    topic->second.state.apply(*parsed, now());
                }
            }
        }
    }
    records_.clear();
    for (const Error& error : log_->troubles()) trouble_ = error.message;
}

bool ControlFollower::has_read(const Ends& ends) const {
    for (const auto& [id, topic] : topics_) {
        const auto end = ends.find(topic.partition);
        if (end == ends.end() || end->second.start == end->second.end) continue;
        if (log_->position(id) < end->second.end) return false;
    }
    return true;
}

}  // namespace drover::lag
