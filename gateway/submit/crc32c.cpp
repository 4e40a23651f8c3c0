#include "gateway/submit/crc32c.h"

#include <array>

namespace drover::gateway {
namespace {

constexpr auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0);
        made[byte] = value;
    }
    return made;
}();

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
    std::uint32_t value = ~before;
    for (const char each : bytes) value = (value >> 8) ^ table[(value ^ static_cast<unsigned char>(each)) & 0xff];
    return ~value;
}

}  // namespace drover::gateway
