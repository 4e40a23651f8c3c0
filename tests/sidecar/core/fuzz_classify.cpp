// Any answer of an app has an outcome. The input's first three bytes choose the kind and the status, the rest is cut
// into the headers and the body at its zero bytes.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sidecar/core/outcome.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace drover;
    using namespace drover::sidecar;
    if (size < 3) return 0;
    std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
    std::array<std::string_view, 5> parts;
    for (std::string_view& part : parts) {
        part = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    }
    const WorkerAnswer answer{.kind = static_cast<WorkerAnswer::Kind>(data[0] % 6),
                              .status = data[1] * 256 + data[2],
                              .retry_after = parts[0],
                              .outcome = parts[1],
                              .error = parts[2],
                              .body = parts[3],
                              .detail = parts[4]};
    const Outcome outcome = classify(answer, time_from_millis(1'800'000'000'000));
    if (outcome.wait && (*outcome.wait < Duration{0} || *outcome.wait > std::chrono::hours(24))) std::abort();
    if (outcome.cause.response.size() > 4096) std::abort();
    return 0;
}
