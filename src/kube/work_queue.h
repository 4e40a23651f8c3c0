// The keys that want a reconcile, and when. Room: kube. Pure: one owner thread, time and randomness passed in.
//
//   (absent) → waiting, from its due time on ready → active, by take() → (absent), by done()
//
// Promises:
// - a key is handed out to one at a time: not again before done();
// - a key that is added while it is active comes again after done(), at the time it was added for;
// - a key waits once: of several times that it was added for, the earliest counts. So who reconciles says anew when the
//   key is to come back;
// - among the ready the longest due goes first, at equal times the first added: none starves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "src/base/time.h"
#include "src/kube/object_key.h"

namespace drover::kube {

struct WorkQueueBackoff {
    Duration initial = std::chrono::milliseconds(200);
    Duration longest = std::chrono::minutes(5);
};

class WorkQueue {
public:
    explicit WorkQueue(WorkQueueBackoff backoff = {}) : backoff_(backoff) {}

    void add(const ObjectKey& key, Time due);

    // After a failure: the n-th in a row waits initial × 2^(n−1), at most `longest`, less up to half of it by `random`
    // (from 0 to 1, all else counts as the nearer of them). The time that was reckoned, even if an earlier one counts.
    // `at_least`: what the other side asked to be spared for, at most `longest`. Whoever adds the key until then, it is
    // not handed out before.
    Time add_after_failure(const ObjectKey& key, Time now, double random, Duration at_least = {});
    // After a success: the next failure is the first again.
    void forget(const ObjectKey& key);
    std::uint32_t failures(const ObjectKey& key) const;

    // The next ready key, active from now on.
    std::optional<ObjectKey> take(Time now);
    // False, and nothing changes, where the key is not active.
    bool done(const ObjectKey& key);

    // From when on take() has something, as long as nothing is added. Nothing: only after an add() or a done().
    std::optional<Time> next_due() const;
    std::size_t waiting() const { return order_.size(); }
    std::size_t active() const { return active_; }

private:
    struct Entry {
        std::optional<Time> due;
        std::uint64_t number = 0;  // among those with the same due time
        Time not_before = Time::min();
        bool active = false;
        std::uint32_t failures = 0;
    };
    using Entries = std::map<ObjectKey, Entry>;
    using Order = std::set<std::tuple<Time, std::uint64_t, ObjectKey>>;

    void set_due(const ObjectKey& key, Entry& entry, Time due);
    void drop_if_idle(Entries::iterator entry);

    WorkQueueBackoff backoff_;
    Entries entries_;
    Order order_;  // of the waiting that are not active
    std::uint64_t next_number_ = 0;
    std::size_t active_ = 0;
};

// initial × 2^(failures−1), at most `longest`, less up to half of it by `random`.
Duration backoff_delay(Duration initial, Duration longest, std::uint32_t failures, double random);

}  // namespace drover::kube
