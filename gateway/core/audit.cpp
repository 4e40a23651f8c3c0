#include "gateway/core/audit.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t max_text = 1024;

ordered_json as_json(const AuditEntry& entry) {
    ordered_json json{{"at", format_rfc3339(entry.at)}, {"who", entry.who}, {"action", entry.action}};
    if (!entry.queue.empty()) json["queue"] = entry.queue;
    if (!entry.job.empty()) json["job"] = entry.job;
    if (!entry.reason.empty()) json["reason"] = entry.reason;
    json["status"] = entry.status;
    if (!entry.gateway.empty()) json["gateway"] = entry.gateway;
    return json;
}

std::string to_line(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

jobqueue::ControlMessage audit_record(const AuditEntry& entry) {
    return {std::string(audit_prefix) + entry.id, to_line(as_json(entry))};
}

Result<AuditEntry> parse_audit_record(std::string_view key, std::string_view value) {
    AuditEntry entry{.id = std::string(key.substr(std::min(key.size(), audit_prefix.size())))};
    const auto json = jobqueue::read_json(value);
    if (!json || entry.id.empty()) return failure(Error::Code::invalid, "it is no entry of the audit log");
    std::string buffer;
    const auto text = [](const jobqueue::JsonValue& from) {
        std::string storage;
        return jobqueue::clean_line(from.string(storage), max_text);
    };
    bool has_time = false;
    for (jobqueue::JsonParts part(*json); part.next();) {
        const std::string_view name = part.name(buffer);
        if (name == "at") {
            const std::optional<Time> at = parse_rfc3339(text(part.value()));
            has_time = at.has_value();
            entry.at = at.value_or(Time{});
        } else if (name == "who") {
            entry.who = text(part.value());
        } else if (name == "action") {
            entry.action = text(part.value());
        } else if (name == "queue") {
            entry.queue = text(part.value());
        } else if (name == "job") {
            entry.job = text(part.value());
        } else if (name == "reason") {
            entry.reason = text(part.value());
        } else if (name == "gateway") {
            entry.gateway = text(part.value());
        } else if (name == "status") {
            entry.status = static_cast<int>(std::clamp<std::int64_t>(part.value().integer().value_or(0), 0, 999));
        }
    }
    if (!has_time) return failure(Error::Code::invalid, "it is no entry of the audit log: `at` is no time");
    return entry;
}

std::string audit_json(const AuditEntry& entry) {
    ordered_json json = as_json(entry);
    json["id"] = entry.id;
    return to_line(json);
}

void AuditBook::apply(AuditEntry entry) {
    std::string id = entry.id;
    entries_.insert_or_assign(std::move(id), std::move(entry));
    if (entries_.size() > most) entries_.erase(entries_.begin());
}

void AuditBook::forget(std::string_view id) {
    const auto found = entries_.find(id);
    if (found != entries_.end()) entries_.erase(found);
}

std::vector<std::string> AuditBook::take_expired(Time now) {
    std::vector<std::string> expired;
    while (!entries_.empty() && entries_.begin()->second.at < now - audit_kept) {
        expired.push_back(entries_.begin()->first);
        entries_.erase(entries_.begin());
    }
    return expired;
}

}  // namespace drover::gateway
