// What is known of a queue, as decide() wants it. Pure. Room: operator/core.
#pragma once

#include <cstdint>

#include "operator/core/decide.h"
#include "src/jobqueue/queue_figures.h"

namespace drover::operator_core {

// `figures` null where they could not be read.
Observation observation_of(const jobqueue::QueueFigures* figures, int replicas, std::int64_t in_flight, bool paused);

}  // namespace drover::operator_core
