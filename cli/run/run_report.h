// What a run says of its queues at its end. Room: cli.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "cli/run/queue_runner.h"
#include "cli/run_summary.h"

namespace drover::cli {

// With where each queue's output is, and the logs in `data`.
RunSummary report_on(const std::vector<std::unique_ptr<QueueRunner>>& queues, Duration elapsed,
                     const std::filesystem::path& data);

}  // namespace drover::cli
