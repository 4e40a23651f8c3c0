#include "operator/arrival_watch.h"

#include <algorithm>

namespace drover::operators {
namespace {

constexpr std::size_t at_once = 16;
constexpr int expected_partitions = 1000;
// So long a partition that was just started may wait for a fetch that it is not in.
constexpr std::chrono::milliseconds longest_wait{500};

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
    std::vector<kafka::Fetcher::Id>& ids = ids_[queue];
    for (const auto& [partition, offset] : from) {
        const kafka::Fetcher::Id id = next_id_++;
        if (Result<void> started = fetcher_->start(id, partition, offset); !started) {
            forget(queue);
            return started;
        }
        ids.push_back(id);
        queues_.emplace(id, queue);
    }
    return {};
}

void ArrivalWatch::forget(const kube::ObjectKey& queue) {
    const auto found = ids_.find(queue);
    if (found == ids_.end()) return;
    for (const kafka::Fetcher::Id id : found->second) {
        fetcher_->stop(id);
        queues_.erase(id);
    }
    ids_.erase(found);
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
            if (!news) continue;
            queues.insert(queue->second);
            break;
        }
    }
    fetched_.clear();
    for (const kube::ObjectKey& queue : queues) forget(queue);
    return queues;
}

}  // namespace drover::operators
