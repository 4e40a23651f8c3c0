// What the app POSTs to its sidecar about its jobs: the first line is the path, the second the content type, the rest
// the body. What is taken is within its bounds, what is not is told in one sentence.
#include "sidecar/core/outcome.h"
#include "sidecar/worker_requests.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace drover;
using namespace drover::sidecar;

constexpr WorkerRequestLimits limits{.result_bytes = 64, .log_lines = 4};

void check(const request::Progress& progress) {
    EXPECT_HOLDS(!progress.job_id.empty());
    EXPECT_HOLDS(!progress.percent || (*progress.percent >= 0 && *progress.percent <= 100));
    EXPECT_HOLDS(progress.step.size() <= 1024 && progress.message.size() <= 1024);
    EXPECT_HOLDS(progress.result.size() <= limits.result_bytes);
    EXPECT_HOLDS(progress.result.empty() || jobqueue::json_fault(progress.result).empty());
}
void check(const request::Logs& logs) {
    EXPECT_HOLDS(logs.lines.size() <= limits.log_lines);
    for (const std::string& line : logs.lines) {
        EXPECT_HOLDS(line.find('\n') == std::string::npos && !jobqueue::find_invalid_utf8(line));
    }
}
void check(const request::Heartbeat& heartbeat) { EXPECT_HOLDS(!heartbeat.job_id.empty()); }
void check(const request::Complete& complete) { EXPECT_HOLDS(complete.result.size() <= limits.result_bytes); }
void check(const request::Fail& fail) {
    EXPECT_HOLDS(!fail.retry_after || (*fail.retry_after >= Duration(0) && *fail.retry_after <= longest_wait));
}
void check(const request::LeaseRequest& lease) {
    EXPECT_HOLDS(lease.max >= 1 && lease.max <= 1000);
    EXPECT_HOLDS(lease.wait >= Duration(0) && lease.wait <= std::chrono::seconds(60));
    EXPECT_HOLDS(!lease.lease || (*lease.lease > Duration(0) && *lease.lease <= std::chrono::hours(24)));
}

std::string_view take_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    std::string_view body(reinterpret_cast<const char*>(data), size);
    const std::string_view path = take_line(body), content_type = take_line(body);
    const Result<WorkerRequest> request = parse_worker_request(path, "a-1", content_type, body, limits);
    if (request) {
        std::visit([](const auto& one) { check(one); }, *request);
    } else {
        EXPECT_HOLDS(request.error().code == Error::Code::invalid || request.error().code == Error::Code::not_found);
        EXPECT_HOLDS(!request.error().message.empty() && !jobqueue::find_invalid_utf8(request.error().message));
    }
    return 0;
}
