#include "gateway/core/payload_schema.h"

#include <exception>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway {
namespace {

using nlohmann::json;
using valijson::adapters::NlohmannJsonAdapter;

constexpr std::size_t most_complaints = 20;
constexpr std::size_t max_complaint = 300;

std::string place_of(const valijson::ValidationResults::Error& error) {
    std::string place = "payload";
    for (const std::string& step : error.context) {  // <root>, then [name] or [index]
        if (!step.starts_with('[')) continue;
        const std::string name = step.substr(1, step.size() - 2);
        const bool is_index = !name.empty() && name.find_first_not_of("0123456789") == name.npos;
        place += is_index ? step : "." + name;
    }
    return place;
}

}  // namespace

Result<PayloadSchema> PayloadSchema::compile(std::string_view text) {
    if (const std::string_view fault = jobqueue::json_fault(text); !fault.empty()) {
        return failure(Error::Code::invalid, "the schema " + std::string(fault));
    }
    const json tree = json::parse(text);
    try {
        auto schema = std::make_shared<valijson::Schema>();
        valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(NlohmannJsonAdapter(tree), *schema);
        return PayloadSchema(std::move(schema));
    } catch (const std::exception& error) {
        return failure(Error::Code::invalid, error.what());
    }
}

std::vector<std::string> PayloadSchema::check(std::string_view payload) const {
    if (const std::string_view fault = jobqueue::json_fault(payload); !fault.empty()) {
        return {"payload: " + std::string(fault)};
    }
    const json tree = json::parse(payload);
    valijson::ValidationResults results;
    std::vector<std::string> complaints;
    try {
        valijson::Validator validator;
        if (validator.validate(*schema_, NlohmannJsonAdapter(tree), &results)) return {};
    } catch (const std::exception& error) {  // a pattern that its regular expressions cannot do
        return {std::string("payload: cannot be checked: ") + error.what()};
    }
    // The outer errors only say that an inner one was found.
    for (valijson::ValidationResults::Error error; results.popError(error);) {
        if (complaints.size() == most_complaints) break;
        complaints.push_back(jobqueue::clean_line(place_of(error) + ": " + error.description, max_complaint));
    }
    return complaints;
}

}  // namespace drover::gateway
