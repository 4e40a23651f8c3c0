// Parameters of a statement in PostgreSQL's binary format: int8, bytea, and arrays of these. Room: gateway/view.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "gateway/view/database.h"

namespace drover::gateway {

inline constexpr Oid int8_type = 20, bytea_type = 17, int8_array_type = 1016, bytea_array_type = 1001;

// Holds what libpq's calls point at.
class PostgresParameters {
public:
    // One each.
    explicit PostgresParameters(std::span<const SqlValue> values);
    // An array for each of the columns; `values` go row after row.
    PostgresParameters(std::span<const SqlValue> values, std::string_view column_types);

    int count() const { return static_cast<int>(types_.size()); }
    const Oid* types() const { return types_.data(); }
    const char* const* values() const { return pointers_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* formats() const { return formats_.data(); }

private:
    void point_at_buffers();

    std::vector<Oid> types_;
    std::vector<std::string> buffers_;
    std::vector<bool> nulls_;
    std::vector<const char*> pointers_;
    std::vector<int> lengths_, formats_;
};

std::int64_t read_int8(const char* bytes);

}  // namespace drover::gateway
