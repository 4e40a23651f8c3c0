#include "gateway/core/key_book.h"

#include <nlohmann/json.hpp>

namespace drover::gateway {
namespace {

using nlohmann::json;

std::string record_key(const SubmitKey& key) {
    return std::string(key_record_prefix) + (key.kind == SubmitKey::Kind::unique ? "unique/" : "idempotency/") +
           key.queue + "/" + key.key;
}

// A queue's name has no slash.
std::optional<SubmitKey> parse_record_key(std::string_view text) {
    if (!text.starts_with(key_record_prefix)) return std::nullopt;
    text.remove_prefix(key_record_prefix.size());
    const auto kind_end = text.find('/');
    const auto queue_end = kind_end == std::string_view::npos ? kind_end : text.find('/', kind_end + 1);
    if (queue_end == std::string_view::npos) return std::nullopt;
    const std::string_view kind = text.substr(0, kind_end);
    if (kind != "unique" && kind != "idempotency") return std::nullopt;
    return SubmitKey{kind == "unique" ? SubmitKey::Kind::unique : SubmitKey::Kind::idempotency,
                     std::string(text.substr(kind_end + 1, queue_end - kind_end - 1)),
                     std::string(text.substr(queue_end + 1))};
}

}  // namespace

KeyBook::Claim KeyBook::claim(const SubmitKey& key, const std::string& job_id, std::uint64_t fingerprint, Time now) {
    const bool unique = key.kind == SubmitKey::Kind::unique;
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
        const Entry& entry = found->second;
        if (!unique && entry.fingerprint != fingerprint && (!entry.expires_at || now < *entry.expires_at)) {
            return {Answer::conflict, entry.job_id};
        }
        if (!entry.expires_at) return {Answer::busy, entry.job_id};
        if (now < *entry.expires_at) return {Answer::known, entry.job_id};
        withdraw(key);
    }
    entries_[key] = {.job_id = job_id, .fingerprint = fingerprint};
    return {Answer::fresh, job_id};
}

jobqueue::ControlMessage KeyBook::accepted(const SubmitKey& key, Time expires_at) {
    Entry& entry = entries_[key];
    entry.expires_at = expires_at;
    ends_.emplace(expires_at, key);
    const json value{
        {"job", entry.job_id}, {"fingerprint", entry.fingerprint}, {"expiresAt", format_rfc3339(expires_at)}};
    return {record_key(key), value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

void KeyBook::withdraw(const SubmitKey& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    if (found->second.expires_at) ends_.erase({*found->second.expires_at, key});
    entries_.erase(found);
}

std::vector<std::string> KeyBook::take_expired(Time now) {
    std::vector<std::string> records;
    while (!ends_.empty() && ends_.begin()->first <= now) {
        records.push_back(record_key(ends_.begin()->second));
        entries_.erase(ends_.begin()->second);
        ends_.erase(ends_.begin());
    }
    return records;
}

Result<void> KeyBook::apply(std::string_view key, std::optional<std::string_view> value) {
    const auto parsed = parse_record_key(key);
    if (!parsed) return failure(Error::Code::invalid, "it is no key's record");
    // A request of ours is on its way: what it comes to will say more.
    const auto held = entries_.find(*parsed);
    const bool is_on_its_way = held != entries_.end() && !held->second.expires_at;
    if (!value) {
        if (!is_on_its_way) withdraw(*parsed);
        return {};
    }
    const json body = json::parse(*value, nullptr, false);
    const auto text = [&](const char* name) -> std::string {
        return body.is_object() && body.contains(name) && body[name].is_string() ? body[name].get<std::string>() : "";
    };
    const auto expires_at = parse_rfc3339(text("expiresAt"));
    const std::string job = text("job");
    if (!expires_at || job.empty() || !body.contains("fingerprint") || !body["fingerprint"].is_number_unsigned()) {
        return failure(Error::Code::invalid, "job, fingerprint and expiresAt are needed");
    }
    if (is_on_its_way) return {};
    withdraw(*parsed);
    entries_[*parsed] = {job, body["fingerprint"].get<std::uint64_t>(), *expires_at};
    ends_.emplace(*expires_at, *parsed);
    return {};
}

}  // namespace drover::gateway
