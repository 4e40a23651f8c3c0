#include "src/jobqueue/workers_record.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "src/jobqueue/json_text.h"

namespace drover::jobqueue {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view text) {
    out.append(",\"").append(name).append("\":");
    append_json_string(out, text);
}

void append_field(std::string& out, std::string_view name, int number) {
    out.append(",\"").append(name).append("\":");
    append_json_number(out, number);
}

// Of anything else than a number of that kind: 0.
int count_of(const JsonValue& value) {
    const std::int64_t number = value.integer().value_or(0);
    return static_cast<int>(std::clamp<std::int64_t>(number, 0, std::numeric_limits<int>::max()));
}

WorkersTrouble read_trouble(const JsonValue& value) {
    WorkersTrouble trouble;
    std::string name, text;
    for (JsonParts part(value); part.next();) {
        const std::string_view field = part.name(name);
        if (field == "what") trouble.what = part.value().string(text);
        if (field == "reason") trouble.reason = part.value().string(text);
        if (field == "message") trouble.message = part.value().string(text);
    }
    return trouble;
}

bool same_troubles(const WorkersRecord& a, const WorkersRecord& b) {
    return std::ranges::equal(a.trouble, b.trouble, [](const WorkersTrouble& x, const WorkersTrouble& y) {
        return x.what == y.what && x.reason == y.reason;
    });
}

}  // namespace

WorkersNews news_of(const WorkersRecord& before, const WorkersRecord& after) {
    if (before.replicas != after.replicas || !same_troubles(before, after)) return WorkersNews::at_once;
    const bool same = before.ready == after.ready && before.min == after.min && before.max == after.max &&
                      before.reason == after.reason;
    return same ? WorkersNews::none : WorkersNews::soon;
}

ControlMessage workers_record(std::string_view queue, const WorkersRecord& record) {
    std::string value = "{\"replicas\":";
    append_json_number(value, record.replicas);
    append_field(value, "ready", record.ready);
    append_field(value, "min", record.min);
    append_field(value, "max", record.max);
    append_field(value, "reason", record.reason);
    append_field(value, "message", record.message);
    value += ",\"trouble\":[";
    for (const WorkersTrouble& each : record.trouble) {
        value += &each == record.trouble.data() ? "{\"what\":" : ",{\"what\":";
        append_json_string(value, each.what);
        append_field(value, "reason", each.reason);
        append_field(value, "message", each.message);
        value += '}';
    }
    value += "]}";
    return {std::string(workers_record_prefix).append(queue), std::move(value)};
}

Result<WorkersRecord> parse_workers_record(std::string_view value) {
    const Result<JsonValue> json = read_json(value);
    if (!json) return tl::unexpected(json.error());
    if (json->kind() != JsonValue::Kind::object) return failure(Error::Code::invalid, "it is not a JSON object");
    WorkersRecord record;
    std::string name, text;
    for (JsonParts part(*json); part.next();) {
        const std::string_view field = part.name(name);
        if (field == "replicas") record.replicas = count_of(part.value());
        if (field == "ready") record.ready = count_of(part.value());
        if (field == "min") record.min = count_of(part.value());
        if (field == "max") record.max = count_of(part.value());
        if (field == "reason") record.reason = part.value().string(text);
        if (field == "message") record.message = part.value().string(text);
        if (field != "trouble") continue;
        for (JsonParts item(part.value()); item.next();) record.trouble.push_back(read_trouble(item.value()));
    }
    return record;
}

}  // namespace drover::jobqueue
