// The view's tables, version by version. Room: gateway/view.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/view/database.h"

namespace drover::gateway {

// Step i leads from version i to i + 1. Steps that were released never change.
std::span<const std::string_view> schema_steps();

inline constexpr std::array<std::string_view, 5> view_tables{"positions", "jobs", "counts", "minutes", "reports"};

// Of a fresh connection: brings the tables to the newest version, in one transaction. A newer one than we know is a
// `conflict`, and stays as it is.
Result<void> bring_schema_up_to_date(Database& database);

}  // namespace drover::gateway
