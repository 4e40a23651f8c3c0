#include "gateway/view/announcement.h"

#include <optional>

#include "src/base/base64.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {
namespace {

using jobqueue::JsonParts;
using jobqueue::JsonValue;

// [queue,id,flags]
std::string json_of(const JobChange& change) {
    std::string json = "[";
    jobqueue::append_json_string(json, change.key.queue);
    json.push_back(',');
    jobqueue::append_json_string(json, change.key.id);
    json.push_back(',');
    jobqueue::append_json_number(json, (change.has_logs ? 1 : 0) | (change.has_intermediate_result ? 2 : 0));
    json.push_back(']');
    return json;
}

bool read_change(const JsonValue& value, JobChange& change) {
    JsonParts parts(value);
    std::string buffer;
    if (!parts.next()) return false;
    change.key.queue = parts.value().string(buffer);
    if (!parts.next()) return false;
    change.key.id = parts.value().string(buffer);
    if (!parts.next()) return false;
    const std::int64_t flags = parts.value().integer().value_or(0);
    change.has_logs = (flags & 1) != 0;
    change.has_intermediate_result = (flags & 2) != 0;
    return !change.key.queue.empty() && !change.key.id.empty();
}

}  // namespace

std::vector<std::string> announcements_of(std::span<const JobChange> changes, std::size_t longest) {
    const std::size_t most = longest / 4 * 3 - 1;  // base64, and the closing bracket
    std::vector<std::string> texts;
    std::string list = "[";
    const auto close = [&] {
        if (list.size() > 1) texts.push_back(base64_encode(list + "]"));
        list = "[";
    };
    for (const JobChange& change : changes) {
        const std::string json = json_of(change);
        if (json.size() + 1 > most) continue;
        if (list.size() + 1 + json.size() > most) close();
        if (list.size() > 1) list.push_back(',');
        list += json;
    }
    close();
    return texts;
}

bool read_announcement(std::string_view text, std::vector<JobChange>& out) {
    const std::optional<std::string> json = base64_decode(text);
    const auto list = json ? jobqueue::read_json(*json) : failure(Error::Code::invalid, "not base64");
    if (!list || list->kind() != JsonValue::Kind::array) return false;
    for (JsonParts parts(*list); parts.next();) {
        JobChange change;
        if (!read_change(parts.value(), change)) return false;
        out.push_back(std::move(change));
    }
    return true;
}

}  // namespace drover::gateway
