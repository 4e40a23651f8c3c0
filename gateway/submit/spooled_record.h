// A record as the spool keeps it. Pure. Room: gateway/submit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/submit/outgoing.h"
#include "src/base/result.h"

namespace drover::gateway {

struct SpooledRecord {
    Outgoing record;
    bool tried = false;  // the producer had it before it came into the spool
    bool operator==(const SpooledRecord&) const = default;
};

std::string write_spooled_record(const Outgoing& record, bool tried);
// `invalid` for anything else. Total.
Result<SpooledRecord> parse_spooled_record(std::string_view bytes);

}  // namespace drover::gateway
