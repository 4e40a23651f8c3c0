#include "src/jobqueue/backlog.h"

#include <algorithm>

namespace drover::jobqueue {

std::int64_t backlog_of(const PartitionFigures& figures) {
    // All three at least 0, so no difference of them can overflow.
    const std::int64_t start = std::max<std::int64_t>(figures.start, 0);
    const std::int64_t end = std::max<std::int64_t>(figures.end, 0);
    const std::int64_t committed = std::max<std::int64_t>(figures.committed.value_or(0), 0);
    const std::int64_t unread = std::max<std::int64_t>(end - std::max(committed, start), 0);
    return unread - std::clamp<std::int64_t>(figures.finished_above, 0, unread);
}

}  // namespace drover::jobqueue
