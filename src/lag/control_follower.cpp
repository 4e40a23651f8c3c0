#include "src/lag/control_follower.h"

#include <poll.h>

#include <algorithm>

namespace drover::lag {
namespace {

constexpr std::size_t records_at_once = 500;
constexpr int longest_sleep_ms = 100;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

Result<std::unique_ptr<ControlFollower>> ControlFollower::create(const kafka::Settings& settings, int topics,
                                                                 const std::string& group) {
    auto follower = std::make_unique<ControlFollower>();
    auto fetcher = kafka::Fetcher::create(settings, {.expected_partitions = topics, .group = group}, follower->wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    follower->fetcher_ = std::move(*fetcher);
    follower->log_.emplace(*follower->fetcher_);
    return follower;
}

Result<void> ControlFollower::read(const Ends& ends, std::chrono::milliseconds patience) {
    const auto last = std::chrono::steady_clock::now() + patience;
    Result<Stretches> stretches = begin(ends);
    if (!stretches) return tl::unexpected(stretches.error());
    if (stretches->empty()) return {};
    bool done = false;
    for (;;) {
        take(*stretches);
        done = has_read(*stretches);
        if (done || std::chrono::steady_clock::now() > last) break;
        pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, longest_sleep_ms);
    }
    for (auto& [id, stretch] : *stretches) {
        stretch.topic.next = log_->position(id);
        log_->stop(id);
    }
    if (done) {
        trouble_.clear();
        return {};
    }
    return failure(Error::Code::timeout,
                   "the control topics cannot be read" + (trouble_.empty() ? "" : ": " + trouble_), true);
}

const jobqueue::ControlState* ControlFollower::state(const std::string& topic) const {
    const auto found = topics_.find(topic);
    return found == topics_.end() ? nullptr : &found->second.state;
}

Result<ControlFollower::Stretches> ControlFollower::begin(const Ends& ends) {
    Stretches stretches;
    for (auto& [name, topic] : topics_) {
        const kafka::TopicPartition partition{name, 0};
        const auto offsets = ends.find(partition);
        if (offsets == ends.end()) continue;
        if (offsets->second.end < topic.next) topic = {};  // it was made anew
        if (offsets->second.start == offsets->second.end || topic.next >= offsets->second.end) continue;
        const kafka::Fetcher::Id id = next_id_++;
        if (Result<void> started = log_->start(id, partition, topic.next); !started) {
            for (const auto& [other, stretch] : stretches) log_->stop(other);
            return tl::unexpected(started.error());
        }
        stretches.emplace(id, Stretch{topic, offsets->second.end});
    }
    return stretches;
}

void ControlFollower::take(Stretches& stretches) {
    wakeup_.clear();
    for (const kafka::ClientError& error : fetcher_->serve()) trouble_ = error.error.message;
    ready_.clear();
    fetcher_->ready(ready_);
    for (const kafka::Fetcher::Id id : ready_) {
        const auto stretch = stretches.find(id);
        if (stretch == stretches.end()) continue;  // of an earlier read()
        for (bool more = true; more;) {
            records_.clear();
            more = log_->take(id, records_at_once, records_);
            for (const kafka::Record& record : records_) {
                // What cannot be understood is said by the sidecars.
                const auto parsed = jobqueue::parse_control(record.key(), record.value());
                if (parsed && (std::holds_alternative<jobqueue::control::Pause>(*parsed) ||
                               std::holds_alternative<jobqueue::control::Config>(*parsed))) {
                    stretch->second.topic.state.apply(*parsed, now());
                }
            }
        }
    }
    records_.clear();
    for (const Error& error : log_->troubles()) trouble_ = error.message;
}

bool ControlFollower::has_read(const Stretches& stretches) const {
    return std::ranges::all_of(stretches,
                               [this](const auto& entry) { return log_->position(entry.first) >= entry.second.end; });
}

}  // namespace drover::lag
