// Jobs to submit, one after the other: a payload, lines of a file, files of a folder. Room: cli. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/submission.h"

namespace drover::cli {

// The next job; nothing after the last. An Error is one job that cannot be submitted, and names it.
using JobSource = std::function<std::optional<Result<jobqueue::Submission>>()>;

// What all jobs of a source share: `like` is copied, and gets its payload and, where it has none, a content type.
JobSource one_payload(const jobqueue::Submission& like, std::string payload);
// A job for each line, without its line end; empty lines are left out.
JobSource lines_of(const jobqueue::Submission& like, std::shared_ptr<std::istream> lines);
enum class FileAs { content, path };
JobSource files_as_jobs(const jobqueue::Submission& like, std::vector<std::filesystem::path> files, FileAs what);

// Refuses payloads over `limit` bytes.
JobSource limited(JobSource source, std::int64_t limit);

// The regular files below `folder`, symbolic links to files among them, whose name fits the pattern (*, ?, [a-z]);
// sorted, as absolute paths. Folders behind symbolic links are not entered.
Result<std::vector<std::filesystem::path>> find_files(const std::filesystem::path& folder, const std::string& pattern);

// JSON, text or bytes.
std::string content_type_of(std::string_view payload);

}  // namespace drover::cli
