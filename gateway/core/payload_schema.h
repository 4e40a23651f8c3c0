// JSON Schema (draft 7) of a job type's payload. Pure. Room: gateway/core. Over valijson.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace valijson {
class Schema;
}

namespace drover::gateway {

class PayloadSchema {
public:
    // `invalid` where it is no schema, or refers to another document: nothing is fetched.
    static Result<PayloadSchema> compile(std::string_view json);

    // What is wrong with a payload that is JSON, at most 20 lines: "payload.to[0]: …". Empty: it is well.
    std::vector<std::string> check(std::string_view payload) const;

private:
    explicit PayloadSchema(std::shared_ptr<const valijson::Schema> schema) : schema_(std::move(schema)) {}
    std::shared_ptr<const valijson::Schema> schema_;
};

}  // namespace drover::gateway
