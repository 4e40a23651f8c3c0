// Fields of JSON from outside, which may be of any shape. Room: kube. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace drover::kube {

// Null where the path does not lead through objects to something.
const nlohmann::json* field_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);
// Borrowed from the object; "" where there is no text.
std::string_view text_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);
std::optional<std::int64_t> integer_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);

// At most so many bytes of UTF-8, cut between characters.
std::string_view shortened(std::string_view text, std::size_t bytes);

}  // namespace drover::kube
