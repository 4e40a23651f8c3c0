#include "src/kube/json_fields.h"

#include <limits>
#include <string>

namespace drover::kube {

const nlohmann::json* field_at(const nlohmann::json& object, std::initializer_list<std::string_view> path) {
    const nlohmann::json* at = &object;
    for (const auto name : path) {
        if (!at->is_object()) return nullptr;
        const auto found = at->find(std::string(name));
        if (found == at->end()) return nullptr;
        at = &*found;
    }
    return at;
}

std::string_view text_at(const nlohmann::json& object, std::initializer_list<std::string_view> path) {
    const auto* field = field_at(object, path);
    if (!field || !field->is_string()) return {};
    return field->get_ref<const std::string&>();
}

std::optional<std::int64_t> integer_at(const nlohmann::json& object, std::initializer_list<std::string_view> path) {
    const auto* field = field_at(object, path);
    if (!field || !field->is_number_integer()) return std::nullopt;
    if (field->is_number_unsigned() && field->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
        return std::nullopt;
    }
    return field->get<std::int64_t>();
}

std::string_view shortened(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    std::size_t size = bytes;
    for (int back = 0; back < 3 && size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U; ++back)
        --size;
    return text.substr(0, size);
}

}  // namespace drover::kube
