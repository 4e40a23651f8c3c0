// The API's OpenAPI 3.1 document: openapi.yaml, built in. Room: gateway.
#pragma once

#include <string>
#include <string_view>

namespace drover::gateway {

extern const std::string_view openapi_yaml;

const std::string& openapi_document();  // as JSON

}  // namespace drover::gateway
