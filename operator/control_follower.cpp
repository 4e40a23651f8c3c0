#include "cli/run/pause_reader.h"

#include <poll.h>

namespace drover::cli {
namespace {

constexpr std::size_t records_at_once = 500;
constexpr int longest_sleep_ms = 100;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

Result<std::unique_ptr<PauseReader>> PauseReader::create(const kafka::Settings& settings,
                                                         const std::vector<jobqueue::JobQueue>& queues) {
    auto reader = std::make_unique<PauseReader>();
    auto fetcher = kafka::Fetcher::create(
        settings, {.expected_partitions = static_cast<int>(queues.size()), .group = jobqueue::group_of(queues.front())},
        reader->wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    reader->fetcher_ = std::move(*fetcher);
    reader->log_.emplace(*reader->fetcher_);
    for (const jobqueue::JobQueue& queue : queues) {
        const kafka::TopicPartition control{jobqueue::topics_of(queue).control, 0};
        const auto id = static_cast<kafka::Fetcher::Id>(reader->queues_.size());
        if (Result<void> started = reader->log_->start(id, control); !started) return tl::unexpected(started.error());
        reader->queues_.push_back({control, {}});
    }
    return reader;
}

Result<std::vector<bool>> PauseReader::read(const std::map<kafka::TopicPartition, kafka::PartitionOffsets>& ends,
                                            std::chrono::milliseconds patience) {
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
    std::vector<bool> paused;
    for (const Queue& queue : queues_) paused.push_back(queue.state.paused());
    return paused;
}

void PauseReader::take() {
    wakeup_.clear();
    for (const kafka::ClientError& error : fetcher_->serve()) trouble_ = error.error.message;
    ready_.clear();
    fetcher_->ready(ready_);
    for (const kafka::Fetcher::Id id : ready_) {
        for (bool more = true; more;) {
            records_.clear();
            more = log_->take(id, records_at_once, records_);
            for (const kafka::Record& record : records_) {
                // What cannot be understood is said by the sidecars.
                const auto parsed = jobqueue::parse_control(record.key(), record.value());
                if (parsed && std::holds_alternative<jobqueue::control::Pause>(*parsed)) {
                    queues_[id].state.apply(*parsed, now());
                }
            }
        }
    }
    records_.clear();
    for (const Error& error : log_->troubles()) trouble_ = error.message;
}

bool PauseReader::has_read(const std::map<kafka::TopicPartition, kafka::PartitionOffsets>& ends) const {
    for (kafka::Fetcher::Id id = 0; id < queues_.size(); ++id) {
        const auto end = ends.find(queues_[id].control);
        if (end == ends.end() || end->second.start == end->second.end) continue;
        if (log_->position(id) < end->second.end) return false;
    }
    return true;
}

}  // namespace drover::cli
