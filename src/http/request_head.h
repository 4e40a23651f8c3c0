// The head of the request that carries a job. Room: http. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/field.h"

namespace drover::http {

class RequestHead {
public:
    // `path` is made a valid request target: what may not stand in one is percent-encoded.
    RequestHead(std::string_view host, std::uint16_t port, std::string_view path);

    // Into `out`, whose memory is used again. Aborts on a field that is not valid.
    void write(std::string& out, std::span<const FieldView> headers, std::size_t body_bytes) const;

private:
    std::string start_;  // request line and Host
};

}  // namespace drover::http
