// RFC 4648 base64 with padding, over OpenSSL. Room: base.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover {

std::string base64_encode(std::string_view bytes);
void append_base64(std::string& out, std::string_view bytes);
// Nothing when the text is not base64 in its canonical length.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace drover
