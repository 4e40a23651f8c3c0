#include "gateway/core/error_groups.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "src/letters/message_shape.h"

namespace drover::gateway {
namespace {

constexpr std::size_t most_groups = 1000;
constexpr std::size_t most_samples = 5;

}  // namespace

void ErrorGroups::add(const Job& job) {
    const JobError error = job.error.value_or(JobError{});
    std::tuple key(error.error_class, error.status, letters::message_shape(error.message));
    if (!groups_.contains(key) && groups_.size() >= most_groups) key = {"(other errors)", 0, ""};
    ErrorGroup& group = groups_[key];
    const Time at = job.finished_at.value_or(job.since);
    const bool is_latest = group.count == 0 || at >= group.last;
    if (group.count == 0) {
        std::tie(group.error.error_class, group.error.status, group.error.message) = key;
        group.first = group.last = at;
    }
    ++group.count;
    ++group.types[job.type];
    group.first = std::min(group.first, at);
    group.last = std::max(group.last, at);
    if (is_latest) group.example = error.message;
    group.sample.insert(is_latest ? group.sample.begin() : group.sample.end(), job.key.id);
    if (group.sample.size() > most_samples) group.sample.pop_back();
}

std::vector<ErrorGroup> ErrorGroups::by_count() const {
    std::vector<ErrorGroup> all;
    for (const auto& [key, group] : groups_) all.push_back(group);
    std::ranges::stable_sort(all, std::ranges::greater(), &ErrorGroup::count);
    return all;
}

nlohmann::ordered_json error_group_json(const ErrorGroup& group) {
    nlohmann::ordered_json error{{"class", group.error.error_class}};
    if (group.error.status != 0) error["status"] = group.error.status;
    error["message"] = group.error.message;
    return {{"error", std::move(error)},
            {"example", group.example},
            {"count", group.count},
            {"first", format_rfc3339(group.first)},
            {"last", format_rfc3339(group.last)},
            {"sample", group.sample},
            {"types", group.types}};
}

}  // namespace drover::gateway
