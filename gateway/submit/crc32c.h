// CRC-32C (Castagnoli), as iSCSI and Kafka have it. Pure. Room: gateway/submit.
#pragma once

#include <cstdint>
#include <string_view>

namespace drover::gateway {

// `before`: of what comes before, to go on from it.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace drover::gateway
