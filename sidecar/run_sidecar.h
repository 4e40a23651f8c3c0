// `drover sidecar`: the program around the loop. Room: sidecar.
#pragma once

#include "src/jobqueue/sidecar_config.h"

namespace drover::sidecar {

// Runs until SIGTERM or SIGINT, then drains; a second signal ends at once. Returns the exit code: 0 after a drain, 1
// when it could not start or was hurried, 2 for a configuration that can never work.
int run_sidecar(const jobqueue::SidecarConfig& config);

}  // namespace drover::sidecar
