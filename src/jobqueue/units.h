// Durations and sizes as people write them. Room: jobqueue. (format_duration is in retry_policy.h.)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "src/base/time.h"
#include "src/jobqueue/json_text.h"

namespace drover::jobqueue {

// "30s", "500ms", "1h30m", "0": h, m, s, ms and us, each at most once and in this order. Nothing for all else, and
// where the sum does not fit. Allocates nothing.
std::optional<Duration> parse_duration(std::string_view text);

// The same in JSON, where a plain number is seconds: "5s", 2.5. Fractions are rounded up, to a microsecond; what is
// negative is nothing, and of a number what does not fit is Duration::max().
std::optional<Duration> read_duration(const JsonValue& value);

// "128Ki", "1Mi", "2Gi", "10k", "1M", "1G" or plain bytes. Nothing for all else, and where it does not fit.
std::optional<std::int64_t> parse_size(std::string_view text);

}  // namespace drover::jobqueue
