// Any bytes as commit metadata: decoding never crashes, and what it yields survives being encoded again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sidecar/core/offset_tracker.h"
#include "src/jobqueue/commit_metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace drover;
    constexpr std::int64_t committed = 1000;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto metadata = jobqueue::decode_commit_metadata(text, committed);
    if (!metadata) return 0;

    sidecar::OffsetTracker tracker(committed, metadata->finished);
    if (tracker.committable() < committed) std::abort();
    const std::string again = jobqueue::encode_commit_metadata(*metadata, committed);
    if (again.size() > jobqueue::max_commit_metadata_bytes) std::abort();
    if (!jobqueue::decode_commit_metadata(again, committed)) std::abort();
    return 0;
}
