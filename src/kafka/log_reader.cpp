#include "src/kafka/log_reader.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include <poll.h>

namespace drover::kafka {

Result<void> LogReader::start(Fetcher::Id id, const TopicPartition& partition, std::int64_t offset) {
    Result<void> started = fetcher_.start(id, partition, offset);
    if (started) logs_.emplace(id, Log{.position = offset});
    return started;
}

void LogReader::stop(Fetcher::Id id) {
    if (logs_.erase(id) > 0) fetcher_.stop(id);
}

bool LogReader::take(Fetcher::Id id, std::size_t max, std::vector<Record>& out) {
    const auto found = logs_.find(id);
    if (found == logs_.end()) return false;
    Log& log = found->second;
    fetched_.clear();
    const bool more = fetcher_.take(id, max, fetched_);
    bool restart = false;
    for (Fetcher::Fetched& item : fetched_) {
        if (auto* record = std::get_if<Record>(&item)) {
            log.position = record->offset() + 1;
            out.push_back(std::move(*record));
        } else if (const auto* end = std::get_if<Fetcher::ReachedEnd>(&item)) {
            log.position = end->offset;
            log.caught_up = true;
        } else if (auto* failed = std::get_if<Fetcher::Failed>(&item)) {
            troubles_.push_back(std::move(failed->error));
        } else {
            restart = true;
        }
    }
    fetched_.clear();
    if (!restart) return more;
    // Deleted in the meantime, or the topic is another one of the same name.
    if (Result<void> sought = fetcher_.seek(id, Fetcher::earliest); !sought) troubles_.push_back(sought.error());
    return false;
}

std::int64_t LogReader::position(Fetcher::Id id) const {
    const auto found = logs_.find(id);
    return found == logs_.end() ? Fetcher::earliest : found->second.position;
}

bool LogReader::caught_up() const {
    return std::ranges::all_of(logs_, [](const auto& entry) { return entry.second.caught_up; });
}

std::vector<Error> LogReader::troubles() { return std::exchange(troubles_, {}); }

// --- blocking

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t records_at_once = 500;

// Trying again changes nothing, as far as a person who waits is concerned.
bool is_final(const Error& error) {
    return error.code == Error::Code::not_found || error.code == Error::Code::unauthorized ||
           error.code == Error::Code::invalid;
}

struct Stretch {
    TopicPartition partition;
    std::int64_t from = 0, end = 0;
};

Result<std::vector<Stretch>> stretches(Admin& admin, const std::vector<std::string>& topics,
                                       const LogReading& reading) {
    const auto counts = admin.topics(topics);
    if (!counts) return tl::unexpected(counts.error());
    std::vector<TopicPartition> partitions;
    for (const std::string& topic : topics) {
        const auto found = counts->find(topic);
        if (found == counts->end()) return failure(Error::Code::not_found, "there is no topic " + topic);
        for (int i = 0; i < found->second; ++i) partitions.push_back({topic, i});
    }
    const auto offsets = admin.offsets(partitions);
    if (!offsets) return tl::unexpected(offsets.error());
    std::vector<Stretch> all;
    for (const auto& [partition, range] : *offsets) {
        const auto from = reading.from.find(partition);
        const std::int64_t first = from == reading.from.end() ? range.start : std::max(range.start, from->second);
        if (first < range.end) all.push_back({partition, first, range.end});
    }
    return all;
}

}  // namespace

Result<void> read_log(const Settings& settings, Admin& admin, const std::vector<std::string>& topics,
                      const LogReading& reading, const std::function<void(const Record&)>& each) {
    auto last_sign = Clock::now();
    auto to_read = stretches(admin, topics, reading);
    while (!to_read && to_read.error().retryable && Clock::now() - last_sign <= reading.patience) {
        if (reading.stopped && reading.stopped()) return {};
        ::poll(nullptr, 0, 100);  // a partition that has just been made, or lost its leader
        to_read = stretches(admin, topics, reading);
    }
    if (!to_read) return tl::unexpected(to_read.error());
    if (to_read->empty()) return {};

    Wakeup wakeup;
    const auto fetcher = Fetcher::create(
        settings, {.expected_partitions = static_cast<int>(to_read->size()), .group = reading.group}, wakeup);
    if (!fetcher) return tl::unexpected(fetcher.error());
    LogReader reader(**fetcher);
    for (std::size_t i = 0; i < to_read->size(); ++i) {
        const Stretch& stretch = (*to_read)[i];
        auto started = reader.start(static_cast<Fetcher::Id>(i), stretch.partition, stretch.from);
        if (!started) return started;
    }

    std::size_t left = to_read->size();
    std::string trouble;
    last_sign = Clock::now();
    std::vector<Fetcher::Id> ready;
    std::vector<Record> records;
    while (left > 0) {
        wakeup.clear();
        for (const ClientError& error : (*fetcher)->serve()) {  // what names a broker says more than "all are down"
            if (trouble.empty() || !error.broker.empty()) trouble = error.error.message;
        }
        ready.clear();
        (*fetcher)->ready(ready);
        for (const Fetcher::Id id : ready) {
            const std::int64_t end = (*to_read)[id].end;
            for (bool more = true; more && reader.reads(id);) {
                records.clear();
                more = reader.take(id, records_at_once, records);
                for (const Record& record : records) {
                    if (reading.stopped && reading.stopped()) return {};
                    if (record.offset() < end) each(record);
                }
                if (reader.position(id) >= end) {
                    reader.stop(id);
                    --left;
                }
            }
            last_sign = Clock::now();
        }
        for (const Error& error : reader.troubles()) {
            if (is_final(error)) return tl::unexpected(error);
            trouble = error.message;
        }
        if (reading.stopped && reading.stopped()) return {};
        if (left == 0) break;
        if (Clock::now() - last_sign > reading.patience) {
            return failure(Error::Code::timeout,
                           "Kafka sends nothing" + (trouble.empty() ? std::string() : ": " + trouble), true);
        }
        pollfd readable{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, 100);
    }
    return {};
}

}  // namespace drover::kafka
