#include "gateway/core/payload_schema.h"

#include "gateway/core/json_schema.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t most_complaints = 20;
constexpr std::size_t max_complaint = 300;

}  // namespace

Result<PayloadSchema> PayloadSchema::compile(std::string_view text) {
    if (const std::string_view fault = jobqueue::json_fault(text); !fault.empty()) {
        return failure(Error::Code::invalid, "the schema " + std::string(fault));
    }
    Result<JsonSchema> schema = JsonSchema::compile(json::parse(text));
    if (!schema) return failure(schema.error().code, jobqueue::clean_line(schema.error().message, max_complaint));
    return PayloadSchema(std::make_shared<const JsonSchema>(std::move(*schema)));
}

std::vector<std::string> PayloadSchema::check(std::string_view payload) const {
    if (const std::string_view fault = jobqueue::json_fault(payload); !fault.empty()) {
        return {"payload: " + std::string(fault)};
    }
    std::vector<std::string> complaints = schema_->check(json::parse(payload), "payload", most_complaints);
    for (std::string& each : complaints) each = jobqueue::clean_line(each, max_complaint);
    return complaints;
}

}  // namespace drover::gateway
