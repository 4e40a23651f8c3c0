// Room: cli.
#pragma once

#include <filesystem>
#include <string>

#include "src/base/result.h"

namespace drover::cli {

// All of it. Error: `not_found`, with the system's reason alone; which file it was, the caller says.
Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace drover::cli
