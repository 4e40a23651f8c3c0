// A record of the events' topic, which anybody may have written: what is taken writes and reads back as the same.
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/lifecycle_event.h"
#include "tests/fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace drover::jobqueue;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string written, storage, more_storage, again;
    write_lifecycle_event({.queue = text, .job_id = text, .result = text, .content_type = text, .labels = text}, size,
                          written);
    EXPECT_HOLDS(json_fault(written).empty());

    const auto read = parse_lifecycle_event(text, storage);
    if (!read) {
        EXPECT_HOLDS(!read.error().message.empty());
        return 0;
    }
    write_lifecycle_event(*read, size, written);
    const auto second = parse_lifecycle_event(written, more_storage);
    EXPECT_HOLDS(second.has_value());
    write_lifecycle_event(*second, size, again);
    EXPECT_HOLDS(written == again);
    return 0;
}
