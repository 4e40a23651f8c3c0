// The number under which the shell keeps a job's record, from Arrived to Settled; see delivery_engine.h. Room:
// sidecar/core. Slots are dense: a freed one is used again first.
#pragma once

#include <cstdint>

namespace drover::sidecar {

using Slot = std::uint32_t;

}  // namespace drover::sidecar
