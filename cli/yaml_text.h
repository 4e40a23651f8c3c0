// JSON values as YAML, as people write it. Pure. Room: cli.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace drover::cli {

// A block of lines with their ends, to be read back as the same value by any YAML 1.1 or 1.2 reader: a string that a
// reader could take for something else is quoted.
std::string to_yaml(const nlohmann::ordered_json& value);
std::string to_yaml(const nlohmann::json& value);  // its members by name

}  // namespace drover::cli
