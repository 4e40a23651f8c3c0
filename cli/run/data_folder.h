// The folder of a run: the broker's data, the sidecars' configurations, logs. Room: cli.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"

namespace drover::cli {

// Held by one run at a time, until its end.
class DataFolder {
public:
    DataFolder() = default;
    ~DataFolder();
    DataFolder(const DataFolder&) = delete;
    DataFolder& operator=(const DataFolder&) = delete;

    // Makes it, and what belongs into it, where it is missing.
    Result<void> open(const std::filesystem::path& path);

private:
    int lock_ = -1;
};

// The folder in which a queue's local command runs: that of its file.
std::filesystem::path folder_of(const jobqueue::JobQueue& queue);

// Where the queue's worker leaves what people want to see, by the annotation drover.dev/local-output; an absolute path.
inline constexpr std::string_view local_output_annotation = "drover.dev/local-output";
std::optional<std::string> output_of(const jobqueue::JobQueue& queue);

}  // namespace drover::cli
