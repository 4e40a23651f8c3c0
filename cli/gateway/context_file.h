// Where contexts are kept: ~/.config/drover/config.yaml, or below XDG_CONFIG_HOME. Room: cli.
#pragma once

#include <filesystem>

#include "cli/environment.h"
#include "cli/gateway/contexts.h"

namespace drover::cli {

std::filesystem::path context_file(const Environment& environment);  // empty: there is no home
// None where there is no file. `invalid`: what is wrong with it, all in one message.
Result<Contexts> read_contexts(const Environment& environment);
// Whole or not at all; only its owner may read it, since it may hold tokens. The folder is made.
Result<void> write_contexts(const Environment& environment, const Contexts& contexts);

}  // namespace drover::cli
