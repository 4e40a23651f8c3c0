// Input: Retry-After, NUL, the body of a refusal. What is said of it is bounded, whatever the status.
#include <cstdint>
#include <string_view>

#include "src/kube/api_error.h"
#include "src/kube/lease.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::kube;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto nul = text.find('\0');
    const auto body = nul == std::string_view::npos ? std::string_view() : text.substr(nul + 1);
    for (const int status : {0, 301, 404, 409, 410, 422, 429, 500, 999}) {
        const auto error = api_error(status, text.substr(0, nul), body);
        EXPECT_HOLDS(error.message.size() <= 2000 && !error.message.empty());
        EXPECT_HOLDS(error.causes.size() <= 50);
        EXPECT_HOLDS((!error.retry_after ||
                      (*error.retry_after >= Duration::zero() && *error.retry_after <= std::chrono::hours(24))));
        EXPECT_HOLDS(!to_error(error).message.empty());
    }
    // The other thing that others write: a lease reads back as what was read.
    const auto parsed = nlohmann::json::parse(body, nullptr, false);
    const Lease lease = read_lease(parsed);
    EXPECT_HOLDS(lease.duration >= std::chrono::seconds(0));
    if (parsed.is_discarded()) return 0;
    Lease again = read_lease(lease_object({"n", "l"}, lease));
    again.version = lease.version;
    EXPECT_HOLDS(again == lease);
    return 0;
}
