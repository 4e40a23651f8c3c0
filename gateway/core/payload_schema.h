// JSON Schema (draft 7) of a job type's payload: json_schema.h, from text. Pure. Room: gateway/core.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace drover::gateway {

class JsonSchema;

class PayloadSchema {
public:
    // `invalid` where it is no schema, refers to another document, or to itself so that it would never judge.
    static Result<PayloadSchema> compile(std::string_view json);

    // What is wrong with a payload that is JSON, at most 20 lines: "payload.to[0] must be …". Empty: it is well.
    std::vector<std::string> check(std::string_view payload) const;

private:
    explicit PayloadSchema(std::shared_ptr<const JsonSchema> schema) : schema_(std::move(schema)) {}
    std::shared_ptr<const JsonSchema> schema_;
};

}  // namespace drover::gateway
