#include "gateway/view/event_reader.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "src/jobqueue/lifecycle_event.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using kafka::Fetcher;

constexpr auto call_timeout = 5s;
constexpr auto between_complaints = 1s;

}  // namespace

EventReader::EventReader(Options options, std::unique_ptr<kafka::Admin> admin, kafka::Wakeup& wakeup)
    : options_(std::move(options)), wakeup_(wakeup), admin_(std::move(admin)) {}

Result<std::unique_ptr<EventReader>> EventReader::create(Options options, kafka::Wakeup& wakeup) {
    auto admin = kafka::Admin::connect(options.kafka, call_timeout);
    if (!admin) return tl::unexpected(admin.error());
    return std::unique_ptr<EventReader>(new EventReader(std::move(options), std::move(*admin), wakeup));
}

Result<std::vector<kafka::TopicPartition>> EventReader::partitions() {
    const auto counts = admin_->topics({options_.topic});
    if (!counts) return tl::unexpected(counts.error());
    const auto found = counts->find(options_.topic);
    if (found == counts->end()) return failure(Error::Code::not_found, "there is no topic " + options_.topic, true);
    std::vector<kafka::TopicPartition> all;
    for (int i = 0; i < found->second; ++i) all.push_back({options_.topic, i});
    return all;
}

Result<void> EventReader::start(const EventPositions& positions) {
    const auto all = partitions();
    if (!all) return tl::unexpected(all.error());
    const auto offsets = admin_->offsets(*all);
    if (!offsets) return tl::unexpected(offsets.error());
    for (const auto& [partition, next] : positions) {
        const auto range = offsets->find({options_.topic, partition});
        if (range == offsets->end() || next < range->second.start || next > range->second.end) {
            return failure(Error::Code::conflict, "the events at which the view stands are not in the topic");
        }
    }
    clear();
    fetcher_.reset();
    auto fetcher = Fetcher::create(
        options_.kafka, {.expected_partitions = static_cast<int>(all->size()), .group = options_.group}, wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    fetcher_ = std::move(*fetcher);
    partition_count_ = all->size();
    from_ = to_ = positions;
    ready_.clear();
    behind_.clear();
    for (const kafka::TopicPartition& partition : *all) {
        const auto position = positions.find(partition.partition);
        const std::int64_t offset = position == positions.end() ? Fetcher::earliest : position->second;
        const auto id = static_cast<Fetcher::Id>(partition.partition);
        if (auto started = fetcher_->start(id, partition, offset); !started) return started;
        behind_.insert(partition.partition);
    }
    return {};
}

Result<bool> EventReader::has_new_partitions() {
    const auto all = partitions();
    if (!all) return tl::unexpected(all.error());
    return all->size() != partition_count_;
}

Result<void> EventReader::gather(std::size_t most) {
    for (const kafka::ClientError& error : fetcher_->serve()) trouble_ = error.error.message;
    std::vector<Fetcher::Id> arrived;
    fetcher_->ready(arrived);
    ready_.insert(arrived.begin(), arrived.end());
    while (!ready_.empty() && events_.size() < most) {
        const Fetcher::Id id = *ready_.begin();
        const int partition = static_cast<int>(id);
        fetched_.clear();
        if (!fetcher_->take(id, most - events_.size(), fetched_)) ready_.erase(id);
        for (Fetcher::Fetched& item : fetched_) {
            if (auto* record = std::get_if<kafka::Record>(&item)) {
                trouble_.clear();
                take(std::move(*record));
            } else if (const auto* end = std::get_if<Fetcher::ReachedEnd>(&item)) {
                trouble_.clear();
                to_[partition] = std::max(to_[partition], end->offset);
                behind_.erase(partition);
            } else if (const auto* failed = std::get_if<Fetcher::Failed>(&item)) {
                trouble_ = failed->error.message;
            } else {
                return failure(Error::Code::conflict, std::get<Fetcher::OffsetOutOfRange>(item).message);
            }
        }
    }
    return {};
}

void EventReader::take(kafka::Record record) {
    to_[record.partition()] = record.offset() + 1;
    const std::string_view value = record.value().value_or("");
    Result<jobqueue::LifecycleEvent> event = jobqueue::parse_lifecycle_event(value, texts_.emplace_back());
    if (!event) {
        texts_.pop_back();
        return skip(record, event.error());
    }
    latest_ = std::max(latest_, event->at);
    events_.push_back({*event, record.partition(), record.offset()});
    records_.push_back(std::move(record));
}

void EventReader::skip(const kafka::Record& record, const Error& error) {
    ++skipped_;
    const auto now = std::chrono::steady_clock::now();
    if (now - skip_told_at_ < between_complaints) return;
    skip_told_at_ = now;
    log::warn("a record is no event and is passed over", {{"topic", options_.topic},
                                                          {"partition", record.partition()},
                                                          {"offset", record.offset()},
                                                          {"error", error.message},
                                                          {"so far", skipped_}});
}

void EventReader::clear() {
    events_.clear();
    texts_.clear();
    records_.clear();
    from_ = to_;
    latest_ = {};
}

}  // namespace drover::gateway
