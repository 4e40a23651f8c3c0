// Digests, over OpenSSL. Room: base.
#pragma once

#include <string>
#include <string_view>

namespace drover {

// In lower-case hexadecimal, 64 characters.
std::string sha256_hex(std::string_view bytes);
std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);  // 32 bytes

}  // namespace drover
