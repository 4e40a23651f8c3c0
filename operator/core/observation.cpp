#include "operator/core/observation.h"

namespace drover::operator_core {

Observation observation_of(const jobqueue::QueueFigures* figures, int replicas, std::int64_t in_flight, bool paused) {
    Observation seen{.replicas = replicas, .in_flight = in_flight, .paused = paused};
    if (figures == nullptr) return seen;
    seen.partitions = figures->partitions;
    seen.backlog = figures->backlog;
    seen.end_offsets = figures->end_offsets;
    seen.busy = figures->busy;
    seen.retries_due_soon = figures->retries_due_soon;
    return seen;
}

}  // namespace drover::operator_core
