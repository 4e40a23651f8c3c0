// Input: schema NUL payload. Whatever the schema, it is refused or it judges, in bounded time, and no program ends.
#include <cstdint>

#include "gateway/core/payload_schema.h"
#include "src/jobqueue/json_text.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto nul = std::min(text.find('\0'), text.size());
    const Result<PayloadSchema> schema = PayloadSchema::compile(text.substr(0, nul));
    if (!schema) {
        EXPECT_HOLDS(schema.error().code == Error::Code::invalid);
        return 0;
    }
    const std::string_view payload = text.substr(std::min(nul + 1, text.size()));
    if (!jobqueue::json_fault(payload).empty()) return 0;
    EXPECT_HOLDS(schema->check(payload).size() <= 20);
    return 0;
}
