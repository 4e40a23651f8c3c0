#include "gateway/core/bulk_operation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "src/jobqueue/json_text.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr std::array states{BulkState::running, BulkState::completed, BulkState::aborted, BulkState::failed};
constexpr std::array actions{BulkAction::retry, BulkAction::cancel, BulkAction::remove};
constexpr double longest_burst = 0.2;  // seconds

tl::unexpected<Error> wrong(const std::string& what) {
    return failure(Error::Code::invalid, "it is no bulk operation: " + what);
}

std::string to_line(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string text_of(const ordered_json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}
std::int64_t number_of(const ordered_json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_integer() ? std::max<std::int64_t>(found->get<std::int64_t>(), 0)
                                                             : 0;
}

ordered_json offsets_json(const std::map<int, std::int64_t>& offsets) {
    ordered_json json = ordered_json::object();
    for (const auto& [partition, offset] : offsets) json[std::to_string(partition)] = offset;
    return json;
}
std::map<int, std::int64_t> offsets_of(const ordered_json& json, const char* name) {
    std::map<int, std::int64_t> offsets;
    const auto found = json.find(name);
    if (found == json.end() || !found->is_object()) return offsets;
    for (const auto& [key, value] : found->items()) {
        const auto number = jobqueue::read_json(key);
        const auto partition = number ? number->integer() : std::nullopt;
        if (partition && *partition >= 0 && *partition < 1'000'000 && value.is_number_integer())
            offsets[static_cast<int>(*partition)] = value.get<std::int64_t>();
    }
    return offsets;
}

template <class Value, std::size_t size>
std::optional<Value> named(const std::array<Value, size>& values, std::string_view (*name)(Value),
                           std::string_view wanted) {
    for (const Value each : values) {
        if (name(each) == wanted) return each;
    }
    return std::nullopt;
}

ordered_json order_json(const BulkOperation& operation) {
    const BulkOrder& order = operation.order;
    ordered_json json{{"action", bulk_action_name(order.action)}, {"filter", bulk_filter_json(order.filter)}};
    if (order.rate) json["ratePerSecond"] = *order.rate;
    if (!order.edit.empty()) json["edit"] = ordered_json::parse(order.edit, nullptr, false);
    json["by"] = operation.by;
    json["reason"] = order.reason;
    return json;
}

ordered_json progress_json(const BulkOperation& operation) {
    ordered_json json{{"state", bulk_state_name(operation.state)},
                      {"matched", operation.counts.matched},
                      {"done", operation.counts.done},
                      {"skipped", operation.counts.skipped},
                      {"failed", operation.counts.failed},
                      {"updatedAt", format_rfc3339(operation.updated_at)}};
    if (operation.ended_at) json["endedAt"] = format_rfc3339(*operation.ended_at);
    if (!operation.trouble.empty()) json["trouble"] = operation.trouble;
    return json;
}

}  // namespace

std::string_view bulk_state_name(BulkState state) {
    switch (state) {
        case BulkState::running: return "running";
        case BulkState::completed: return "completed";
        case BulkState::aborted: return "aborted";
        case BulkState::failed: break;
    }
    return "failed";
}

ordered_json bulk_json(const BulkOperation& operation) {
    ordered_json json{{"id", operation.id}, {"queue", operation.queue}};
    json.update(order_json(operation));
    json["startedAt"] = format_rfc3339(operation.started_at);
    json.update(progress_json(operation));
    return json;
}

BulkMessage bulk_message(const BulkOperation& operation) {
    ordered_json json = order_json(operation);
    json["startedAt"] = format_rfc3339(operation.started_at);
    return {std::string(bulk_prefix) + operation.name(), to_line(json)};
}

BulkMessage bulk_progress_message(const BulkOperation& operation) {
    ordered_json json = progress_json(operation);
    if (operation.is_planned) json["planned"] = true;
    if (!operation.ends.empty()) json["ends"] = offsets_json(operation.ends);
    if (!operation.next.empty()) json["next"] = offsets_json(operation.next);
    if (!operation.cursor.empty()) json["cursor"] = operation.cursor;
    return {std::string(bulk_progress_prefix) + operation.name(), to_line(json)};
}

BulkMessage bulk_run_message(const BulkOperation& operation, std::string_view token) {
    return {std::string(bulk_run_prefix) + operation.name(), to_line({{"token", token}})};
}

BulkMessage bulk_abort_message(const BulkOperation& operation, std::string_view by, std::string_view reason, Time at) {
    return {std::string(bulk_abort_prefix) + operation.name(),
            to_line({{"by", by}, {"reason", reason}, {"at", format_rfc3339(at)}})};
}

BulkMessage bulk_tombstone(std::string_view prefix, const BulkOperation& operation) {
    return {std::string(prefix) + operation.name(), std::nullopt};
}

std::string parse_bulk_run(std::string_view value) {
    const ordered_json json = ordered_json::parse(value, nullptr, false);
    return json.is_object() ? text_of(json, "token") : "";
}

Result<BulkOperation> parse_bulk_record(std::string_view key, std::string_view value) {
    BulkOperation operation;
    std::string_view name = key.substr(std::min(key.size(), bulk_prefix.size()));
    const std::size_t slash = name.find('/');
    if (!key.starts_with(bulk_prefix) || slash == std::string_view::npos || slash + 1 == name.size())
        return wrong("its key must be bulk/<queue>/<id>");
    operation.queue = name.substr(0, slash);
    operation.id = name.substr(slash + 1);
    const std::string_view fault = jobqueue::json_fault(value);
    const ordered_json json = fault.empty() ? ordered_json::parse(value, nullptr, false) : ordered_json();
    if (!json.is_object()) return wrong("its value must be a JSON object");
    const auto action = named(actions, bulk_action_name, text_of(json, "action"));
    if (!action) return wrong("its action is not known");
    operation.order.action = *action;
    const auto filter = json.find("filter");
    auto parsed = parse_bulk_filter(operation.queue, *action, filter == json.end() ? ordered_json::object() : *filter);
    if (!parsed) return wrong(parsed.error().message);
    operation.order.filter = std::move(*parsed);
    if (const auto rate = json.find("ratePerSecond"); rate != json.end()) {
        const double number = rate->is_number() ? rate->get<double>() : 0;
        if (!std::isfinite(number) || number <= 0) return wrong("its rate is none");
        operation.order.rate = number;
    }
    if (const auto edit = json.find("edit"); edit != json.end()) operation.order.edit = to_line(*edit);
    operation.order.reason = text_of(json, "reason");
    operation.by = text_of(json, "by");
    const auto started = parse_rfc3339(text_of(json, "startedAt"));
    if (!started) return wrong("startedAt is no time");
    operation.started_at = operation.updated_at = *started;
    return operation;
}

Result<void> parse_bulk_progress(std::string_view value, BulkOperation& operation) {
    const std::string_view fault = jobqueue::json_fault(value);
    const ordered_json json = fault.empty() ? ordered_json::parse(value, nullptr, false) : ordered_json();
    if (!json.is_object()) return wrong("its progress must be a JSON object");
    const auto state = named(states, bulk_state_name, text_of(json, "state"));
    if (!state) return wrong("its state is not known");
    operation.state = *state;
    operation.counts = {number_of(json, "matched"), number_of(json, "done"), number_of(json, "skipped"),
                        number_of(json, "failed")};
    operation.updated_at = parse_rfc3339(text_of(json, "updatedAt")).value_or(operation.started_at);
    operation.ended_at = parse_rfc3339(text_of(json, "endedAt"));
    if (operation.state != BulkState::running && !operation.ended_at) operation.ended_at = operation.updated_at;
    operation.trouble = text_of(json, "trouble");
    operation.is_planned = json.contains("planned") && json["planned"] == true;
    operation.ends = offsets_of(json, "ends");
    operation.next = offsets_of(json, "next");
    operation.cursor = text_of(json, "cursor");
    return {};
}

Result<void> BulkBook::apply(std::string_view key, std::optional<std::string_view> value) {
    if (key.starts_with(bulk_abort_prefix)) {
        const std::string name(key.substr(bulk_abort_prefix.size()));
        if (value)
            aborts_[name] = true;
        else
            aborts_.erase(name);
        return {};
    }
    if (key.starts_with(bulk_progress_prefix)) {
        const auto found = operations_.find(key.substr(bulk_progress_prefix.size()));
        if (found == operations_.end() || !value) return {};
        return parse_bulk_progress(*value, found->second);
    }
    if (!value) {
        operations_.erase(std::string(key.substr(std::min(key.size(), bulk_prefix.size()))));
        return {};
    }
    auto operation = parse_bulk_record(key, *value);
    if (!operation) return tl::unexpected(operation.error());
    std::string name = operation->name();
    operations_.insert_or_assign(std::move(name), std::move(*operation));
    return {};
}

const BulkOperation* BulkBook::find(std::string_view name) const {
    const auto found = operations_.find(name);
    return found == operations_.end() ? nullptr : &found->second;
}

std::vector<const BulkOperation*> BulkBook::of_queue(std::string_view queue) const {
    std::vector<const BulkOperation*> found;
    for (const auto& [name, each] : operations_) {
        if (each.queue == queue) found.push_back(&each);
    }
    std::ranges::sort(found, [](const BulkOperation* a, const BulkOperation* b) {
        return std::pair(a->started_at, a->id) > std::pair(b->started_at, b->id);
    });
    return found;
}

std::vector<const BulkOperation*> BulkBook::running() const {
    std::vector<const BulkOperation*> found;
    for (const auto& [name, each] : operations_) {
        if (each.state == BulkState::running) found.push_back(&each);
    }
    return found;
}

std::vector<std::string> BulkBook::take_expired(Time now) {
    std::vector<std::string> expired;
    std::erase_if(operations_, [&](const auto& each) {
        const auto& ended_at = each.second.ended_at;
        if (!ended_at || *ended_at > now - bulk_kept) return false;
        expired.push_back(each.first);
        return true;
    });
    return expired;
}

std::size_t BulkPace::allowed(Time now, std::size_t most) {
    if (!rate_) return most;
    const double passed = std::chrono::duration<double>(std::max(now - at_, Duration{0})).count();
    at_ = std::max(at_, now);
    tokens_ = std::min(tokens_ + passed * *rate_, std::max(1.0, *rate_ * longest_burst));
    return std::min(most, static_cast<std::size_t>(std::max(tokens_, 0.0)));
}

Duration BulkPace::wait() const {
    if (!rate_ || tokens_ >= 1) return Duration{0};
    const double seconds = std::min((1 - tokens_) / *rate_, 3600.0);
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)) + Duration{1};
}

}  // namespace drover::gateway
