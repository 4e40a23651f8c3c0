#include "src/kube/work_queue.h"

#include <algorithm>
#include <limits>

namespace drover::kube {

Duration backoff_delay(Duration initial, Duration longest, std::uint32_t failures, double random) {
    Duration delay = std::clamp(initial, Duration::zero(), longest);
    for (std::uint32_t i = 1; i < failures && delay < longest && delay > Duration::zero(); ++i) {
        delay = delay > longest / 2 ? longest : delay * 2;
    }
    const double part = random >= 0 && random <= 1 ? random : (random > 1 ? 1.0 : 0.0);
    return delay - Duration(static_cast<Duration::rep>(static_cast<double>(delay.count()) / 2 * part));
}

void WorkQueue::add(const ObjectKey& key, Time due) {
    Entry& entry = entries_[key];
    due = std::max(due, entry.not_before);
    if (!entry.due || due < *entry.due) set_due(key, entry, due);
}

void WorkQueue::set_due(const ObjectKey& key, Entry& entry, Time due) {
    if (entry.due && !entry.active) order_.erase({*entry.due, entry.number, key});
    entry.due = due;
    entry.number = next_number_++;
    if (!entry.active) order_.emplace(due, entry.number, key);
}

Time WorkQueue::add_after_failure(const ObjectKey& key, Time now, double random, Duration at_least) {
    Entry& entry = entries_[key];
    if (entry.failures < std::numeric_limits<std::uint32_t>::max()) ++entry.failures;
    entry.not_before = at_least > Duration::zero() ? now + std::min(at_least, backoff_.longest) : Time::min();
    if (entry.due && *entry.due < entry.not_before) set_due(key, entry, entry.not_before);
    const Time due =
        std::max(entry.not_before, now + backoff_delay(backoff_.initial, backoff_.longest, entry.failures, random));
    add(key, due);
    return due;
}

void WorkQueue::forget(const ObjectKey& key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return;
    entry->second.failures = 0;
    entry->second.not_before = Time::min();
    drop_if_idle(entry);
}

std::uint32_t WorkQueue::failures(const ObjectKey& key) const {
    const auto entry = entries_.find(key);
    return entry == entries_.end() ? 0 : entry->second.failures;
}

std::optional<ObjectKey> WorkQueue::take(Time now) {
    if (order_.empty() || std::get<Time>(*order_.begin()) > now) return std::nullopt;
    const ObjectKey key = std::get<ObjectKey>(*order_.begin());
    order_.erase(order_.begin());
    Entry& entry = entries_[key];
    entry.due.reset();
    entry.active = true;
    ++active_;
    return key;
}

bool WorkQueue::done(const ObjectKey& key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end() || !entry->second.active) return false;
    entry->second.active = false;
    --active_;
    if (entry->second.due) order_.emplace(*entry->second.due, entry->second.number, key);
    drop_if_idle(entry);
    return true;
}

std::optional<Time> WorkQueue::next_due() const {
    if (order_.empty()) return std::nullopt;
    return std::get<Time>(*order_.begin());
}

void WorkQueue::drop_if_idle(Entries::iterator entry) {
    const Entry& idle = entry->second;
    if (!idle.due && !idle.active && idle.failures == 0) entries_.erase(entry);
}

}  // namespace drover::kube
