// Tells of the first record that comes to a partition, at once, and without asking again and again: by fetches that
// wait at the brokers. Room: operator. Owner thread: one; nothing blocks, except the destructor.
//
// A fetch waits for seconds, since each costs something for every partition in it. What is watched anew has to wait for
// the next one: until then, is_sure() says, it is to be asked for as before.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/kafka/fetcher.h"
#include "src/kube/object_key.h"

namespace drover::operators {

class ArrivalWatch {
public:
    // `group`: one that we may describe, where access is limited. `wakeup` is notified when arrived() has something.
    static Result<std::unique_ptr<ArrivalWatch>> create(const kafka::Settings& settings, const std::string& group,
                                                        kafka::Wakeup& wakeup);

    // For the first record of any of these partitions at its offset or after it. Replaces what was watched for the
    // queue.
    Result<void> watch(const kube::ObjectKey& queue, const std::map<kafka::TopicPartition, std::int64_t>& from);
    void forget(const kube::ObjectKey& queue);
    bool watches(const kube::ObjectKey& queue) const { return watched_.contains(queue); }
    // Each of its partitions has been answered for by its broker, so arrived() is where the next record shows first.
    bool is_sure(const kube::ObjectKey& queue) const;

    // The queues at which something came, or that cannot be watched any more. They are watched no longer.
    std::set<kube::ObjectKey> arrived();

private:
    struct Watched {
        std::vector<kafka::Fetcher::Id> ids;
        std::set<kafka::Fetcher::Id> unanswered;
    };

    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::map<kube::ObjectKey, Watched> watched_;
    std::map<kafka::Fetcher::Id, kube::ObjectKey> queues_;
    kafka::Fetcher::Id next_id_ = 0;
    std::vector<kafka::Fetcher::Id> ready_;
    std::vector<kafka::Fetcher::Fetched> fetched_;
};

}  // namespace drover::operators
