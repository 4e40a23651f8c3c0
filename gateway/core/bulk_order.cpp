#include "gateway/core/bulk_order.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "gateway/core/job_filter.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/units.h"
#include "src/jobqueue/utf8.h"
#include "src/letters/payload_edit.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t most_ids = 10'000;
constexpr std::size_t most_id_bytes = 512 * 1024;  // an order is one record
constexpr std::size_t most_edit_bytes = 64 * 1024;
constexpr std::size_t max_text = 1024;
constexpr double fastest = 1e6;
constexpr Duration default_grace = std::chrono::hours(24), longest_grace = std::chrono::hours(10 * 365 * 24);

tl::unexpected<Error> wrong(std::string message) { return failure(Error::Code::invalid, std::move(message)); }

std::vector<JobState> states_of(BulkAction action) {
    switch (action) {
        case BulkAction::retry: return {JobState::failed};
        case BulkAction::cancel: return {JobState::waiting, JobState::delayed, JobState::active, JobState::retrying};
        case BulkAction::remove: break;
    }
    return {JobState::completed, JobState::failed, JobState::cancelled};
}

std::string names_of(const std::vector<JobState>& states) {
    std::string names;
    for (const JobState state : states) names.append(names.empty() ? "" : ",").append(state_name(state));
    return names;
}

Result<ordered_json> object_of(std::string_view body) {
    if (body.empty()) return ordered_json::object();
    if (const std::string_view fault = jobqueue::json_fault(body); !fault.empty()) {
        return wrong("the body is not JSON: " + std::string(fault));
    }
    ordered_json json = ordered_json::parse(body, nullptr, false);
    if (!json.is_object()) return wrong("the body must be a JSON object");
    return json;
}

Result<void> check_names(const ordered_json& json, std::initializer_list<std::string_view> known,
                         const std::string& where) {
    for (const auto& [name, value] : json.items()) {
        if (std::ranges::find(known, name) == known.end()) return wrong(where + name + " is not a field of it");
    }
    return {};
}

// "" where it is not there.
Result<std::string> text_of(const ordered_json& json, const char* name, const std::string& where = "") {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) return "";
    if (!found->is_string()) return wrong(where + name + " must be a string");
    if (found->get_ref<const std::string&>().size() > max_text) return wrong(where + name + " is longer than 1 KiB");
    return found->get<std::string>();
}

Result<std::optional<Time>> time_of(const ordered_json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) return std::nullopt;
    const auto text = text_of(json, name, "filter.");
    if (!text) return tl::unexpected(text.error());
    const auto time = parse_rfc3339(*text);
    if (!time) return wrong("filter." + std::string(name) + " must be a time such as 2026-01-31T12:00:00Z");
    return time;
}

Result<std::vector<JobState>> parse_states(std::string_view text, BulkAction action) {
    const std::vector<JobState> possible = states_of(action);
    if (text.empty()) return possible;
    std::vector<JobState> states;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        const std::optional<JobState> one = parse_state(text.substr(0, end));
        if (!one || std::ranges::find(possible, *one) == possible.end()) {
            return wrong("filter.state: " + std::string(bulk_action_name(action)) + " can be done to jobs that are " +
                         names_of(possible) + ", not " + jobqueue::clean_line(text.substr(0, end), 64));
        }
        if (std::ranges::find(states, *one) == states.end()) states.push_back(*one);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return states;
}

Result<std::string> edit_of(const ordered_json& json) {
    const auto found = json.find("edit");
    if (found == json.end() || found->is_null()) return "";
    std::string text = found->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    if (text.size() > most_edit_bytes) return wrong("edit has more than 64 KiB");
    const auto edit = letters::PayloadEdit::parse(text);
    if (!edit) return wrong("edit: " + edit.error().message);
    return text;
}

Result<std::string> reason_of(const ordered_json& json) { return text_of(json, "reason"); }

}  // namespace

std::string_view bulk_action_name(BulkAction action) {
    switch (action) {
        case BulkAction::retry: return "retry";
        case BulkAction::cancel: return "cancel";
        case BulkAction::remove: break;
    }
    return "delete";
}

Result<BulkFilter> parse_bulk_filter(std::string_view queue, BulkAction action, const ordered_json& json) {
    if (!json.is_object()) return wrong("filter must be an object");
    if (auto known = check_names(
            json, {"state", "type", "error", "label", "text", "from", "before", "ids", "finishedBefore"}, "filter.");
        !known) {
        return tl::unexpected(known.error());
    }
    BulkFilter filter;
    filter.jobs.queue = queue;
    const std::pair<const char*, std::string*> texts[] = {{"type", &filter.jobs.type},
                                                          {"error", &filter.jobs.error_class},
                                                          {"label", &filter.jobs.label},
                                                          {"text", &filter.jobs.text}};
    for (const auto& [name, to] : texts) {
        auto text = text_of(json, name, "filter.");
        if (!text) return tl::unexpected(text.error());
        *to = std::move(*text);
    }
    const auto state = text_of(json, "state", "filter.");
    if (!state) return tl::unexpected(state.error());
    auto states = parse_states(*state, action);
    if (!states) return tl::unexpected(states.error());
    filter.jobs.states = std::move(*states);
    const std::pair<const char*, std::optional<Time>*> times[] = {{"from", &filter.jobs.submitted_from},
                                                                  {"before", &filter.jobs.submitted_before},
                                                                  {"finishedBefore", &filter.finished_before}};
    for (const auto& [name, to] : times) {
        const auto time = time_of(json, name);
        if (!time) return tl::unexpected(time.error());
        *to = *time;
    }
    const auto ids = json.find("ids");
    if (ids == json.end() || ids->is_null()) return filter;
    const bool are_texts = ids->is_array() && std::ranges::all_of(*ids, [](const ordered_json& id) {
                               return id.is_string() && !id.get_ref<const std::string&>().empty() &&
                                      id.get_ref<const std::string&>().size() <= max_text;
                           });
    if (!are_texts || ids->empty() || ids->size() > most_ids) {
        return wrong("filter.ids must be a list of 1 to " + std::to_string(most_ids) + " job ids");
    }
    filter.ids = ids->get<std::vector<std::string>>();
    std::size_t bytes = 0;
    for (const std::string& id : filter.ids) bytes += id.size();
    if (bytes > most_id_bytes) return wrong("filter.ids has more than 512 KiB");
    std::ranges::sort(filter.ids);
    filter.ids.erase(std::unique(filter.ids.begin(), filter.ids.end()), filter.ids.end());
    return filter;
}

ordered_json bulk_filter_json(const BulkFilter& filter) {
    ordered_json json{{"state", names_of(filter.jobs.states)}};
    const std::pair<const char*, const std::string*> texts[] = {{"type", &filter.jobs.type},
                                                                {"error", &filter.jobs.error_class},
                                                                {"label", &filter.jobs.label},
                                                                {"text", &filter.jobs.text}};
    for (const auto& [name, text] : texts) {
        if (!text->empty()) json[name] = *text;
    }
    if (filter.jobs.submitted_from) json["from"] = format_rfc3339(*filter.jobs.submitted_from);
    if (filter.jobs.submitted_before) json["before"] = format_rfc3339(*filter.jobs.submitted_before);
    if (filter.finished_before) json["finishedBefore"] = format_rfc3339(*filter.finished_before);
    if (!filter.ids.empty()) json["ids"] = filter.ids;
    return json;
}

Result<BulkOrder> parse_bulk_order(std::string_view queue, std::string_view body) {
    const Result<ordered_json> json = object_of(body);
    if (!json) return tl::unexpected(json.error());
    if (auto known = check_names(*json, {"action", "filter", "dryRun", "ratePerSecond", "edit", "reason"}, ""); !known)
        return tl::unexpected(known.error());
    BulkOrder order;
    const auto action = text_of(*json, "action");
    if (!action) return tl::unexpected(action.error());
    if (*action == "retry" || *action == "redrive")
        order.action = BulkAction::retry;
    else if (*action == "cancel")
        order.action = BulkAction::cancel;
    else if (*action == "delete")
        order.action = BulkAction::remove;
    else
        return wrong("action must be retry, cancel or delete");
    const auto given = json->find("filter");
    auto filter = parse_bulk_filter(queue, order.action, given == json->end() ? ordered_json::object() : *given);
    if (!filter) return tl::unexpected(filter.error());
    order.filter = std::move(*filter);
    if (const auto dry = json->find("dryRun"); dry != json->end()) {
        if (!dry->is_boolean()) return wrong("dryRun must be true or false");
        order.dry_run = dry->get<bool>();
    }
    if (const auto rate = json->find("ratePerSecond"); rate != json->end() && !rate->is_null()) {
        const double number = rate->is_number() ? rate->get<double>() : 0;
        if (!std::isfinite(number) || number <= 0 || number > fastest) {
            return wrong("ratePerSecond must be a number above 0, at most a million");
        }
        order.rate = number;
    }
    auto edit = edit_of(*json);
    if (!edit) return tl::unexpected(edit.error());
    if (!edit->empty() && order.action != BulkAction::retry) return wrong("edit is for a retry only");
    order.edit = std::move(*edit);
    auto reason = reason_of(*json);
    if (!reason) return tl::unexpected(reason.error());
    order.reason = std::move(*reason);
    return order;
}

BulkOrder clean_order(std::string_view queue, JobState state, Time finished_before) {
    BulkOrder order{.action = BulkAction::remove};
    order.filter.jobs.queue = queue;
    order.filter.jobs.states = {state};
    order.filter.finished_before = finished_before;
    return order;
}

Result<BulkOrder> parse_clean_order(std::string_view queue, std::string_view body, Time now) {
    const Result<ordered_json> json = object_of(body);
    if (!json) return tl::unexpected(json.error());
    if (auto known = check_names(*json, {"grace", "state", "reason"}, ""); !known) return tl::unexpected(known.error());
    Duration grace = default_grace;
    const auto given = text_of(*json, "grace");
    if (!given) return tl::unexpected(given.error());
    if (!given->empty()) {
        const auto parsed = jobqueue::parse_duration(*given);
        if (!parsed || *parsed < Duration{0} || *parsed > longest_grace) {
            return wrong("grace must be a time such as 24h, from 0s to ten years");
        }
        grace = *parsed;
    }
    const auto name = text_of(*json, "state");
    if (!name) return tl::unexpected(name.error());
    const std::optional<JobState> state = name->empty() ? JobState::completed : parse_state(*name);
    if (!state || !is_finished(*state)) return wrong("state must be completed, failed or cancelled");
    auto reason = reason_of(*json);
    if (!reason) return tl::unexpected(reason.error());
    BulkOrder order = clean_order(queue, *state, now - grace);
    order.reason = std::move(*reason);
    return order;
}

Result<BulkOrder> parse_bull_clean_order(std::string_view queue, std::string_view body, Time now) {
    const Result<ordered_json> json = object_of(body);
    if (!json) return tl::unexpected(json.error());
    Duration grace = default_grace;
    if (const auto given = json->find("grace"); given != json->end() && !given->is_null()) {
        const double millis = given->is_number() ? given->get<double>() : -1;
        const double most = std::chrono::duration<double, std::milli>(longest_grace).count();
        if (!(millis >= 0) || millis > most) return wrong("grace must be a number of milliseconds");
        grace = std::chrono::milliseconds(static_cast<std::int64_t>(millis));
    }
    const auto type = text_of(*json, "type");
    if (!type) return tl::unexpected(type.error());
    const std::optional<JobState> state = type->empty() ? JobState::completed : parse_state(*type);
    if (!state || !is_finished(*state)) return wrong("type must be completed or failed");
    BulkOrder order = clean_order(queue, *state, now - grace);
    // Their cancelled jobs are failed ones.
    if (*state == JobState::failed) order.filter.jobs.states.push_back(JobState::cancelled);
    return order;
}

Result<RetryBody> parse_retry_body(std::string_view body) {
    const Result<ordered_json> json = object_of(body);
    if (!json) return tl::unexpected(json.error());
    if (auto known = check_names(*json, {"reason", "edit"}, ""); !known) return tl::unexpected(known.error());
    auto reason = reason_of(*json);
    if (!reason) return tl::unexpected(reason.error());
    auto edit = edit_of(*json);
    if (!edit) return tl::unexpected(edit.error());
    return RetryBody{std::move(*reason), std::move(*edit)};
}

bool bulk_matches(const BulkFilter& filter, const Job& job) {
    const JobFilter& jobs = filter.jobs;
    if (std::ranges::find(jobs.states, job.state) == jobs.states.end()) return false;
    if (!filter.ids.empty() && !std::ranges::binary_search(filter.ids, job.key.id)) return false;
    if (jobs.submitted_from && job.submitted_at < *jobs.submitted_from) return false;
    if (jobs.submitted_before && job.submitted_at >= *jobs.submitted_before) return false;
    if (filter.finished_before && (!job.finished_at || *job.finished_at >= *filter.finished_before)) return false;
    return matches(jobs, job);
}

Job job_of_letter(const letters::DeadLetter& letter, const std::string& topic, const std::string& queue) {
    Job job;
    job.key = {queue, letter.job_id};
    job.state = JobState::failed;
    job.since = letter.failed_at;
    job.type = letter.type;
    job.run = letter.run;
    job.attempt = letter.attempts_made;
    job.submitted_at = letter.submitted_at.value_or(letter.failed_at);
    job.finished_at = letter.failed_at;
    job.updated_at = letter.failed_at;
    int status = 0;
    std::from_chars(letter.status.data(), letter.status.data() + letter.status.size(), status);
    job.error = JobError{.error_class = letter.error_class, .status = status, .message = letter.message};
    job.labels = letter.labels;
    job.topic = letter.origin ? letter.origin->topic : topic;
    job.partition = letter.origin ? letter.origin->partition : letter.partition;
    job.offset = letter.origin ? letter.origin->offset : letter.offset;
    return job;
}

}  // namespace drover::gateway
