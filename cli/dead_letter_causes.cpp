#include "cli/dead_letter_causes.h"

#include <algorithm>

namespace drover::cli {
namespace {
constexpr std::size_t most_causes = 100;
constexpr std::size_t most_message_bytes = 1024;
}  // namespace

void DeadLetterCauses::add(const std::string& queue, const std::string& error_class, const std::string& message) {
    const auto same = std::find_if(causes_.begin(), causes_.end(), [&](const DeadLetterCause& cause) {
        return cause.queue == queue && cause.error_class == error_class;
    });
    if (same != causes_.end()) {
        ++same->count;
    } else if (causes_.size() < most_causes) {
        causes_.push_back({queue, error_class, message.substr(0, most_message_bytes), 1});
    } else {
        ++others_;
    }
}

std::vector<DeadLetterCause> DeadLetterCauses::by_count() const {
    std::vector<DeadLetterCause> sorted = causes_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const DeadLetterCause& a, const DeadLetterCause& b) { return a.count > b.count; });
    return sorted;
}

}  // namespace drover::cli
