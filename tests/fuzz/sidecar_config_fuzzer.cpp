#include <cstdint>

#include "src/jobqueue/sidecar_config.h"
#include "tests/fuzz/expect.h"

using namespace drover::jobqueue;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto config = sidecar_config_from_json({reinterpret_cast<const char*>(data), size});
    if (!config) {
        EXPECT_HOLDS(!config.error().message.empty());
        return 0;
    }
    const auto again = sidecar_config_from_json(to_json(*config));
    EXPECT_HOLDS(again.has_value());
    EXPECT_HOLDS(*again == *config);
    return 0;
}
