#include "cli/queue_files.h"

#include <algorithm>
#include <iostream>
#include <iterator>

#include "cli/read_file.h"

namespace drover::cli {
namespace {

constexpr const char* stdin_name = "<stdin>";

Result<std::string> read_all(const std::string& file) {
    if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
    Result<std::string> text = read_file(file);
    if (!text) return failure(Error::Code::not_found, "cannot be read: " + text.error().message);
    return text;
}

}  // namespace

jobqueue::ParsedQueues read_queue_files(const std::vector<std::string>& files) {
    jobqueue::ParsedQueues all;
    for (const std::string& file : files) {
        const Result<std::string> text = read_all(file);
        if (!text) {
            all.problems.push_back({.file = file, .message = text.error().message});
            continue;
        }
        jobqueue::ParsedQueues one = jobqueue::parse_queues(*text, file == "-" ? stdin_name : file);
        std::ranges::move(one.queues, std::back_inserter(all.queues));
        std::ranges::move(one.problems, std::back_inserter(all.problems));
    }
    if (files.size() > 1 && all.problems.empty()) all.problems = jobqueue::conflicts_between(all.queues);
    for (jobqueue::JobQueue& queue : all.queues) {
        if (queue.source_file == stdin_name) queue.source_file.clear();
    }
    return all;
}

void print_problems(const std::vector<jobqueue::Problem>& problems) {
    for (const jobqueue::Problem& problem : problems) std::cerr << jobqueue::format_problem(problem) << '\n';
}

}  // namespace drover::cli
