#include "gateway/core/workers_book.h"

#include <algorithm>

namespace drover::gateway {

Result<void> WorkersBook::apply(std::string_view key, std::optional<std::string_view> value, Time at) {
    const std::string queue(key.substr(std::min(key.size(), jobqueue::workers_record_prefix.size())));
    if (!value) {
        entries_.erase(queue);
        return {};
    }
    Result<jobqueue::WorkersRecord> record = jobqueue::parse_workers_record(*value);
    if (!record) return tl::unexpected(record.error());
    const auto known = entries_.find(queue);
    const int before = known == entries_.end() ? record->replicas : known->second.now.replicas;
    Entry& entry = entries_[queue];
    if (record->replicas != before) {
        entry.steps.push_back({at, before, record->replicas, record->reason, record->message});
        if (entry.steps.size() > most_steps) entry.steps.pop_front();
    }
    entry.now = std::move(*record);
    entry.at = at;
    return {};
}

const WorkersBook::Entry* WorkersBook::find(std::string_view queue) const {
    const auto found = entries_.find(queue);
    return found == entries_.end() ? nullptr : &found->second;
}

std::vector<ScalingStep> WorkersBook::steps(std::string_view queue, Time since) const {
    const Entry* entry = find(queue);
    std::vector<ScalingStep> steps;
    if (entry == nullptr) return steps;
    std::ranges::copy_if(entry->steps, std::back_inserter(steps),
                         [since](const ScalingStep& s) { return s.at >= since; });
    return steps;
}

}  // namespace drover::gateway
