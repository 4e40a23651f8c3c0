#include "operator/arrival_watch.h"

#include <algorithm>

namespace drover::operators {
namespace {

constexpr std::size_t at_once = 16;
constexpr int expected_partitions = 1000;
constexpr std::chrono::seconds longest_wait{5};

}  // namespace

Result<std::unique_ptr<ArrivalWatch>> ArrivalWatch::create(const kafka::Settings& settings, const std::string& group,
                                                           kafka::Wakeup& wakeup) {
    auto watch = std::make_unique<ArrivalWatch>();
    auto fetcher = kafka::Fetcher::create(
        settings, {.expected_partitions = expected_partitions, .longest_wait = longest_wait, .group = group}, wakeup);
    if (!fetcher) return tl::unexpected(fetcher.error());
    watch->fetcher_ = std::move(*fetcher);
    return watch;
}

Result<void> ArrivalWatch::watch(const kube::ObjectKey& queue,
                                 const std::map<kafka::TopicPartition, std::int64_t>& from) {
    forget(queue);
    Watched& watched = watched_[queue];
    for (const auto& [partition, offset] : from) {
        const kafka::Fetcher::Id id = next_id_++;
        if (Result<void> started = fetcher_->start(id, partition, offset); !started) {
            forget(queue);
            return started;
        }
        watched.ids.push_back(id);
        watched.unanswered.insert(id);
        queues_.emplace(id, queue);
    }
    return {};
}

void ArrivalWatch::forget(const kube::ObjectKey& queue) {
    const auto found = watched_.find(queue);
    if (found == watched_.end()) return;
    for (const kafka::Fetcher::Id id : found->second.ids) {
        fetcher_->stop(id);
        queues_.erase(id);
    }
    watched_.erase(found);
}

bool ArrivalWatch::is_sure(const kube::ObjectKey& queue) const {
    const auto found = watched_.find(queue);
    return found != watched_.end() && found->second.unanswered.empty();
}

std::set<kube::ObjectKey> ArrivalWatch::arrived() {
    std::set<kube::ObjectKey> queues;
    (void)fetcher_->serve();  // what is wrong with Kafka is told by looking at it
    ready_.clear();
    fetcher_->ready(ready_);
    for (const kafka::Fetcher::Id id : ready_) {
        const auto queue = queues_.find(id);
        if (queue == queues_.end()) continue;
        for (bool more = true; more;) {
            fetched_.clear();
            more = fetcher_->take(id, at_once, fetched_);
            const bool news = std::ranges::any_of(fetched_, [](const kafka::Fetcher::Fetched& each) {
                return !std::holds_alternative<kafka::Fetcher::ReachedEnd>(each);
            });
            if (news) {
                queues.insert(queue->second);
                break;
            }
            if (!fetched_.empty()) watched_.at(queue->second).unanswered.erase(id);
        }
    }
    fetched_.clear();
    for (const kube::ObjectKey& queue : queues) forget(queue);
    return queues;
}

}  // namespace drover::operators
