#include "cli/job_source.h"

#include <algorithm>

#include <fnmatch.h>

#include <nlohmann/json.hpp>

#include "cli/read_file.h"
#include "src/jobqueue/utf8.h"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

jobqueue::Submission with_payload(jobqueue::Submission job, std::string payload) {
    if (job.content_type.empty()) job.content_type = content_type_of(payload);
    job.payload = std::move(payload);
    return job;
}

}  // namespace

std::string content_type_of(std::string_view payload) {
    if (jobqueue::find_invalid_utf8(payload)) return "application/octet-stream";
    return nlohmann::json::accept(payload) ? "application/json" : "text/plain; charset=utf-8";
}

JobSource one_payload(const jobqueue::Submission& like, std::string payload) {
    return [job = std::optional(
                with_payload(like, std::move(payload)))]() mutable -> std::optional<Result<jobqueue::Submission>> {
        if (!job) return std::nullopt;
        return *std::exchange(job, std::nullopt);
    };
}

JobSource lines_of(const jobqueue::Submission& like, std::shared_ptr<std::istream> lines) {
    return [like, lines = std::move(lines)]() -> std::optional<Result<jobqueue::Submission>> {
        std::string line;
        while (std::getline(*lines, line)) {
            if (line.ends_with('\r')) line.pop_back();
            if (!line.empty()) return with_payload(like, std::move(line));
        }
        return std::nullopt;
    };
}

JobSource files_as_jobs(const jobqueue::Submission& like, std::vector<fs::path> files, FileAs what) {
    return [like, files = std::move(files), what,
            next = std::size_t{0}]() mutable -> std::optional<Result<jobqueue::Submission>> {
        if (next == files.size()) return std::nullopt;
        const fs::path& file = files[next++];
        if (what == FileAs::path) {
            jobqueue::Submission job = like;
            if (job.content_type.empty()) job.content_type = "text/plain; charset=utf-8";
            job.payload = file.string();
            return job;
        }
        Result<std::string> content = read_file(file);
        if (!content) return failure(content.error().code, file.string() + ": " + content.error().message);
        return with_payload(like, std::move(*content));
    };
}

JobSource limited(JobSource source, std::int64_t limit) {
    return [source = std::move(source), limit]() -> std::optional<Result<jobqueue::Submission>> {
        auto job = source();
        if (!job || !*job || static_cast<std::int64_t>((*job)->payload.size()) <= limit) return job;
        return failure(Error::Code::too_large, "a payload of " + std::to_string((*job)->payload.size()) +
                                                   " bytes is over the queue's limit, delivery.maxPayload, of " +
                                                   std::to_string(limit) + " bytes");
    };
}

Result<std::vector<fs::path>> find_files(const fs::path& folder, const std::string& pattern) {
    std::error_code error;
    const fs::path root = fs::absolute(folder, error).lexically_normal();
    if (!fs::is_directory(root)) return failure(Error::Code::not_found, root.string() + " is not a folder");
    std::vector<fs::path> files;
    fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied, error), end;
    for (; !error && entry != end; entry.increment(error)) {
        std::error_code dangling;  // a link to nowhere is no file
        if (entry->is_regular_file(dangling) && ::fnmatch(pattern.c_str(), entry->path().filename().c_str(), 0) == 0) {
            files.push_back(entry->path());
        }
    }
    if (error) return failure(Error::Code::unavailable, "cannot read " + root.string() + ": " + error.message());
    std::ranges::sort(files);
    return files;
}

}  // namespace drover::cli
