// What the app POSTs to its sidecar: what is taken reads back as a job.
#include <vector>

#include "src/jobqueue/job.h"
#include "src/jobqueue/submission.h"
#include "tests/fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace drover;
    Result<jobqueue::Submission> job = jobqueue::parse_submission({reinterpret_cast<const char*>(data), size});
    if (!job) return 0;
    job->id = "id";
    const std::vector<Field> headers = jobqueue::submission_headers(*job, Time{});
    std::vector<FieldView> views;
    for (const Field& field : headers) views.push_back({field.name, field.value});
    const auto read = jobqueue::parse_job_headers(views);
    EXPECT_HOLDS(read.has_value() && read->id == "id");
    return 0;
}
