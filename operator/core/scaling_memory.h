// What scaling remembers, as JSON in a resource's status. Pure. Room: operator/core.
#pragma once

#include <nlohmann/json.hpp>

#include "operator/core/decide.h"

namespace drover::operator_core {

// An object of at most some 600 bytes; times are RFC 3339 with milliseconds.
nlohmann::json to_json(const Memory& memory);
// Total: what cannot be understood counts as not remembered.
Memory memory_from(const nlohmann::json& json);

}  // namespace drover::operator_core
