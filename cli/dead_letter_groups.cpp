#include "cli/dead_letter_groups.h"

#include <algorithm>

#include "src/letters/message_shape.h"

namespace drover::cli {
namespace {

constexpr std::size_t most_groups = 1000;

}  // namespace

void DeadLetterGroups::add(const letters::DeadLetter& letter, bool redriven) {
    ++count_;
    if (redriven) ++redriven_;
    std::pair key(letter.error_class, letters::message_shape(letter.message));
    if (!groups_.contains(key) && groups_.size() >= most_groups) key = {"(other errors)", ""};
    Group& group = groups_[key];
    DeadLetterGroup& shown = group.shown;
    if (shown.count == 0) {
        shown.error_class = key.first;
        shown.shape = key.second;
        shown.first = shown.last = letter.failed_at;
    }
    ++shown.count;
    if (redriven) ++shown.redriven;
    shown.first = std::min(shown.first, letter.failed_at);
    shown.last = std::max(shown.last, letter.failed_at);
    const bool better = redriven == group.example_is_open ? !redriven : letter.failed_at >= group.example_at;
    if (shown.count > 1 && !better) return;
    group.example_is_open = !redriven;
    group.example_at = letter.failed_at;
    shown.example_job = letter.job_id;
    shown.example_message = letter.message;
}

std::vector<DeadLetterGroup> DeadLetterGroups::by_count() const {
    std::vector<DeadLetterGroup> all;
    for (const auto& [key, group] : groups_) all.push_back(group.shown);
    std::ranges::stable_sort(all, [](const DeadLetterGroup& a, const DeadLetterGroup& b) {
        return a.open() != b.open() ? a.open() > b.open() : a.count > b.count;
    });
    return all;
}

}  // namespace drover::cli
