#include "gateway/view/postgres_parameters.h"

#include <concepts>

namespace drover::gateway {
namespace {

template <std::integral Number>
void append_big_endian(std::string& out, Number number) {
    for (int shift = 8 * (static_cast<int>(sizeof(number)) - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xFF));
    }
}

void append_value(std::string& out, const SqlValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) append_big_endian(out, *number);
    if (const auto* bytes = std::get_if<std::string_view>(&value)) out += *bytes;
}

void append_element(std::string& out, const SqlValue& value) {
    std::int32_t size = -1;  // null
    if (std::holds_alternative<std::int64_t>(value)) size = sizeof(std::int64_t);
    if (const auto* bytes = std::get_if<std::string_view>(&value)) size = static_cast<std::int32_t>(bytes->size());
    append_big_endian(out, size);
    append_value(out, value);
}

}  // namespace

PostgresParameters::PostgresParameters(std::span<const SqlValue> values) {
    for (const SqlValue& value : values) {
        types_.push_back(std::holds_alternative<std::int64_t>(value) ? int8_type : bytea_type);
        nulls_.push_back(std::holds_alternative<std::monostate>(value));
        append_value(buffers_.emplace_back(), value);
    }
    point_at_buffers();
}

PostgresParameters::PostgresParameters(std::span<const SqlValue> values, std::string_view column_types) {
    const std::size_t columns = column_types.size(), rows = values.size() / columns;
    for (std::size_t column = 0; column < columns; ++column) {
        const bool is_number = column_types[column] == 'n';
        types_.push_back(is_number ? int8_array_type : bytea_array_type);
        nulls_.push_back(false);
        std::string& array = buffers_.emplace_back();
        append_big_endian(array, std::int32_t{1});  // dimensions
        append_big_endian(array, std::int32_t{1});  // there may be nulls
        append_big_endian(array, is_number ? int8_type : bytea_type);
        append_big_endian(array, static_cast<std::int32_t>(rows));
        append_big_endian(array, std::int32_t{1});  // the first index
        for (std::size_t row = 0; row < rows; ++row) append_element(array, values[row * columns + column]);
    }
    point_at_buffers();
}

void PostgresParameters::point_at_buffers() {
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
        pointers_.push_back(nulls_[i] ? nullptr : buffers_[i].data());
        lengths_.push_back(static_cast<int>(buffers_[i].size()));
        formats_.push_back(1);
    }
}

std::int64_t read_int8(const char* bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(number); ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
    return static_cast<std::int64_t>(number);
}

}  // namespace drover::gateway
