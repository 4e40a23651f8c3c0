#include "src/base/digest.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace drover {
namespace {

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string hex_of(const Digest& digest, unsigned size) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text.push_back(digits[digest.at(i) >> 4]);
        text.push_back(digits[digest.at(i) & 15]);
    }
    return text;
}

// It fails only without memory.
void require(bool done) {
    if (done) return;
    std::fprintf(stderr, "drover: OpenSSL has no SHA-256\n");
    std::abort();
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
    Digest digest{};
    unsigned size = 0;
    require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
    return hex_of(digest, size);
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
    Digest digest{};
    unsigned size = 0;
    require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(), &size) != nullptr);
    return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string hmac_sha256_hex(std::string_view key, std::string_view bytes) {
    const std::string code = hmac_sha256(key, bytes);
    Digest digest{};
    std::copy(code.begin(), code.end(), digest.begin());
    return hex_of(digest, static_cast<unsigned>(code.size()));
}

}  // namespace drover
