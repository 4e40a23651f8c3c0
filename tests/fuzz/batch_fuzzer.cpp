// What the app answers to a batch, and what any app is asked with: an answer is an outcome for each job, a request is
// JSON.
#include "sidecar/batch.h"
#include "src/jobqueue/json_text.h"
#include "tests/fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace drover;
    using Verdict = sidecar::Outcome::Verdict;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string_view part = text.substr(0, size / 2), rest = text.substr(size / 2);

    const std::vector<std::string_view> ids{"a", "b", part.substr(0, 8), "a"};
    constexpr std::size_t max_result_bytes = 32;
    const sidecar::BatchAnswer answer = sidecar::read_batch_answer(200, text, ids, max_result_bytes, Time{});
    EXPECT_HOLDS(answer.outcomes.size() == ids.size() && answer.results.size() == ids.size());
    EXPECT_HOLDS(answer.outcomes[0].verdict == answer.outcomes[3].verdict);
    EXPECT_HOLDS(answer.problem.find('\n') == std::string::npos);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const sidecar::Outcome& outcome = answer.outcomes[i];
        const bool done = outcome.verdict == Verdict::done;
        EXPECT_HOLDS(done || outcome.verdict == Verdict::retry || outcome.verdict == Verdict::dead);
        EXPECT_HOLDS(done == outcome.cause.error_class.empty());
        EXPECT_HOLDS(!outcome.wait || (*outcome.wait >= Duration(0) && *outcome.wait <= sidecar::longest_wait));
        EXPECT_HOLDS(answer.results[i].size() <= max_result_bytes);
        EXPECT_HOLDS(answer.results[i].empty() || jobqueue::json_fault(answer.results[i]).empty());
    }

    const std::vector<FieldView> fields{{part, rest}, {rest, part}, {"a", text}};
    const sidecar::BatchItem item{
        .id = part, .key = rest, .lease = part, .type = rest, .fields = fields, .payload = text};
    std::string written;
    sidecar::write_batch(std::vector{item, item}, written);
    const std::string_view fault = jobqueue::json_fault(written);
    // A payload may be as deep as anything may be, and stands in a list of objects.
    EXPECT_HOLDS(fault.empty() || fault.find("nested") != std::string_view::npos);
    return 0;
}
