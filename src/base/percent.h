// Percent-encoding (RFC 3986). Room: base.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover {

// Nothing where an escape is not two hex digits.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace drover
