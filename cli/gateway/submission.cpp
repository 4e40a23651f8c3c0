#include "cli/gateway/submission.h"

#include "cli/gateway/answers.h"
#include "cli/terminal_text.h"
#include "src/jobqueue/json_text.h"

namespace drover::cli {

Result<std::string> shared_fields(const SubmissionFields& fields) {
    Json json = Json::object();
    const auto put = [&json](const char* name, const std::string& value) {
        if (!value.empty()) json[name] = value;
    };
    put("type", fields.type);
    if (fields.key) json["key"] = *fields.key;
    put("priority", fields.priority);
    put("delay", fields.delay);
    put("runAt", fields.run_at);
    if (fields.max_attempts) json["maxAttempts"] = *fields.max_attempts;
    put("timeout", fields.timeout);
    put("deadline", fields.deadline);
    put("uniqueKey", fields.unique_key);
    put("callback", fields.callback);
    for (const std::string& label : fields.labels) {
        const std::size_t equals = label.find('=');
        if (equals == std::string::npos || equals == 0)
            return failure(Error::Code::invalid, "--label wants name=value, not " + label);
        json["labels"][label.substr(0, equals)] = label.substr(equals + 1);
    }
    std::string text = compact(json);
    text.pop_back();
    if (text.size() > 1) text += ',';
    return text;
}

Result<std::string> submission_of(const std::string& shared, std::string_view payload) {
    if (const std::string_view fault = jobqueue::json_fault(payload); !fault.empty()) {
        return failure(Error::Code::invalid, "the payload '" + cut_end(one_line(payload), 60) + "' " +
                                                 std::string(fault) +
                                                 "; a gateway takes JSON (text in quotes), --kafka takes any bytes");
    }
    return shared + "\"payload\":" + std::string(payload) + "}";
}

}  // namespace drover::cli
