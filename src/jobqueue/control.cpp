#include "src/jobqueue/control.h"

#include <charconv>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t max_key = 1024;
constexpr std::size_t max_value = 64 * 1024;
constexpr std::size_t max_config = 1024 * 1024;
constexpr std::size_t max_text = 1024;
constexpr std::size_t max_source = 64;
constexpr std::size_t max_pod = 253;  // of a Kubernetes name
constexpr std::size_t max_job_id = 256;
constexpr std::size_t max_topic = 249;  // Kafka's

constexpr std::string_view pause_prefix = "pause/", cancel_prefix = "cancel/", drop_prefix = "drop/",
                           usage_prefix = "usage/", redriven_prefix = "redriven/", config_key = "config";

tl::unexpected<Error> wrong(std::string_view key, std::string_view what) {
    return failure(Error::Code::invalid,
                   "control record " + clean_line(key, 128) + (key.size() > 128 ? "…" : "") + ": " + std::string(what));
}

bool is_plain(std::string_view text, std::size_t most) {  // not empty, without control characters
    if (text.empty() || text.size() > most) return false;
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
    return true;
}

bool is_topic(std::string_view text) {
    constexpr std::string_view legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !text.empty() && text.size() <= max_topic && text.find_first_not_of(legal) == std::string_view::npos;
}

// Only as it is written: "07" would be another key for the same thing.
template <class Number>
std::optional<Number> whole_number(std::string_view text) {
    Number value{};
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end || value < 0) return std::nullopt;
    if (text.front() == '-' || (text.front() == '0' && text.size() > 1)) return std::nullopt;
    return value;
}

// The last part of "a/b/c", which is cut off with its slash.
std::string_view take_last(std::string_view& text) {
    const auto slash = text.rfind('/');
    if (slash == std::string_view::npos) return {};
    const auto last = text.substr(slash + 1);
    text = text.substr(0, slash);
    return last;
}

// Reads the fields of one value, and remembers the first that is wrong.
class Fields {
public:
    explicit Fields(std::string_view value) {
        if (value.size() > max_value)
            problem_ = "has more than 64 KiB";
        else
            object_ = json::parse(value, nullptr, false);
        if (problem_.empty() && !object_.is_object()) problem_ = "is no JSON object";
    }

    void flag(const char* name, bool& out) {
        const json* field = require(name);
        if (field == nullptr) return;
        if (field->is_boolean())
            out = field->get<bool>();
        else
            complain(name, "must be true or false");
    }
    void text(const char* name, std::string& out) {
        const json* field = find(name);
        if (field == nullptr) return;
        if (field->is_string())
            out = clean_text(field->get_ref<const std::string&>(), max_text);
        else
            complain(name, "must be a string");
    }
    void time(const char* name, std::optional<Time>& out) {
        const json* field = find(name);
        if (field == nullptr) return;
        if (field->is_string()) out = parse_rfc3339(field->get_ref<const std::string&>());
        if (!out) complain(name, "must be an RFC 3339 time");
    }
    void time(const char* name, Time& out) {
        std::optional<Time> read;
        time(name, read);
        if (read) out = *read;
    }
    void required_time(const char* name, Time& out) {
        require(name);
        time(name, out);
    }
    template <class Number>
    void whole(const char* name, Number& out) {
        const json* field = require(name);
        if (field == nullptr) return;
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
        if (field->is_number_unsigned() && field->get<std::uint64_t>() <= most)
            out = field->get<Number>();
        else
            complain(name, "must be a whole number from 0");
    }
    void complain(std::string_view name, std::string_view what) {
        if (problem_.empty()) problem_ = std::string(name) + " " + std::string(what);
    }

    const std::string& problem() const { return problem_; }

private:
    const json* find(const char* name) const {
        if (!problem_.empty()) return nullptr;
        const auto field = object_.find(name);
        return field == object_.end() || field->is_null() ? nullptr : &*field;
    }
    const json* require(const char* name) {
        const json* field = find(name);
        if (field == nullptr) complain(name, "is missing");
        return field;
    }

    json object_;
    std::string problem_;
};

using Value = std::optional<std::string_view>;

Result<ControlRecord> parse_pause(std::string_view key, std::string_view source, Value value) {
    if (!is_plain(source, max_source) || source.find('/') != std::string_view::npos)
        return wrong(key, "must name a source of at most 64 bytes");
    control::Pause pause{.source = std::string(source), .paused = false};
    if (!value) return pause;
    Fields fields(*value);
    fields.flag("paused", pause.paused);
    fields.text("by", pause.by);
    fields.text("reason", pause.reason);
    fields.time("at", pause.at);
    if (!fields.problem().empty()) return wrong(key, fields.problem());
    return pause;
}

Result<ControlRecord> parse_cancel(std::string_view key, std::string_view job_id, Value value) {
    if (!is_plain(job_id, max_job_id)) return wrong(key, "must name a job by an id of at most 256 bytes");
    control::Cancel cancel{.job_id = std::string(job_id), .cancelled = false};
    if (!value) return cancel;
    cancel.cancelled = true;
    std::optional<Time> at, expires_at;
    Fields fields(*value);
    fields.text("by", cancel.by);
    fields.text("reason", cancel.reason);
    fields.time("at", at);
    fields.time("expiresAt", expires_at);
    // A cancel that never ends would hit a job of the same id that is submitted much later.
    if (!at && !expires_at) fields.complain("at", "is missing: or else give expiresAt");
    if (!fields.problem().empty()) return wrong(key, fields.problem());
    cancel.at = at.value_or(Time{});
    cancel.expires_at = expires_at ? *expires_at : cancel.at + cancel_lasts;
    return cancel;
}

Result<ControlRecord> parse_drop(std::string_view key, std::string_view place, Value value) {
    const auto partition = whole_number<int>(take_last(place));
    if (!partition || !is_topic(place)) return wrong(key, "must be drop/<topic>/<partition>");
    control::Drop drop{.topic = std::string(place), .partition = *partition};
    if (!value) return drop;
    Fields fields(*value);
    fields.whole("below", drop.below);
    fields.text("by", drop.by);
    fields.time("at", drop.at);
    if (!fields.problem().empty()) return wrong(key, fields.problem());
    return drop;
}

Result<ControlRecord> parse_usage(std::string_view key, std::string_view pod, Value value) {
    if (!is_plain(pod, max_pod)) return wrong(key, "must name a pod of at most 253 bytes");
    control::Usage usage{.pod = std::string(pod), .known = false};
    if (!value) return usage;
    usage.known = true;
    Fields fields(*value);
    fields.whole("partitions", usage.partitions);
    fields.flag("demand", usage.has_demand);
    fields.required_time("at", usage.at);
    if (!fields.problem().empty()) return wrong(key, fields.problem());
    return usage;
}

Result<ControlRecord> parse_redriven(std::string_view key, std::string_view place, Value value) {
    const auto offset = whole_number<std::int64_t>(take_last(place));
    const auto partition = whole_number<int>(take_last(place));
    if (!offset || !partition || !is_topic(place)) return wrong(key, "must be redriven/<topic>/<partition>/<offset>");
    control::Redriven redriven{
        .topic = std::string(place), .partition = *partition, .offset = *offset, .redriven = false};
    if (!value) return redriven;
    redriven.redriven = true;
    Fields fields(*value);
    fields.text("job", redriven.job_id);
    fields.whole("run", redriven.run);
    fields.text("to", redriven.to);
    fields.text("by", redriven.by);
    fields.time("at", redriven.at);
    if (!fields.problem().empty()) return wrong(key, fields.problem());
    return redriven;
}

std::string to_text(const ordered_json& value) {
    return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ControlMessage message_of(const control::Pause& pause) {
    ControlMessage message{std::string(pause_prefix) + pause.source, std::nullopt};
    if (pause.paused || pause.at != Time{})  // who resumed a queue, and why, may be asked later
        message.value = to_text(
            {{"paused", pause.paused}, {"by", pause.by}, {"reason", pause.reason}, {"at", format_rfc3339(pause.at)}});
    return message;
}

ControlMessage message_of(const control::Cancel& cancel) {
    ControlMessage message{std::string(cancel_prefix) + cancel.job_id, std::nullopt};
    if (cancel.cancelled)
        message.value = to_text({{"by", cancel.by},
                                 {"reason", cancel.reason},
                                 {"at", format_rfc3339(cancel.at)},
                                 {"expiresAt", format_rfc3339(cancel.expires_at)}});
    return message;
}

ControlMessage message_of(const control::Drop& drop) {
    ControlMessage message{std::string(drop_prefix) + drop.topic + "/" + std::to_string(drop.partition), std::nullopt};
    if (drop.below > 0)
        message.value = to_text({{"below", drop.below}, {"by", drop.by}, {"at", format_rfc3339(drop.at)}});
    return message;
}

ControlMessage message_of(const control::Usage& usage) {
    ControlMessage message{std::string(usage_prefix) + usage.pod, std::nullopt};
    if (usage.known)
        message.value =
            to_text({{"partitions", usage.partitions}, {"demand", usage.has_demand}, {"at", format_rfc3339(usage.at)}});
    return message;
}

ControlMessage message_of(const control::Redriven& redriven) {
    ControlMessage message{std::string(redriven_prefix) + redriven.topic + "/" + std::to_string(redriven.partition) +
                               "/" + std::to_string(redriven.offset),
                           std::nullopt};
    if (redriven.redriven)
        message.value = to_text({{"job", redriven.job_id},
                                 {"run", redriven.run},
                                 {"to", redriven.to},
                                 {"by", redriven.by},
                                 {"at", format_rfc3339(redriven.at)}});
    return message;
}

ControlMessage message_of(const control::Config& config) {
    ControlMessage message{std::string(config_key), std::nullopt};
    if (!config.value.empty()) message.value = config.value;
    return message;
}

}  // namespace

Result<ControlRecord> parse_control(std::optional<std::string_view> key, Value value) {
    if (!key) return wrong("(no key)", "has no key");
    if (key->size() > max_key) return wrong(*key, "has a key of more than 1 KiB");
    const auto rest_after = [&key](std::string_view prefix) -> Value {
        return key->starts_with(prefix) ? Value(key->substr(prefix.size())) : std::nullopt;
    };
    if (const auto source = rest_after(pause_prefix)) return parse_pause(*key, *source, value);
    if (const auto job_id = rest_after(cancel_prefix)) return parse_cancel(*key, *job_id, value);
    if (const auto place = rest_after(drop_prefix)) return parse_drop(*key, *place, value);
    if (const auto pod = rest_after(usage_prefix)) return parse_usage(*key, *pod, value);
    if (const auto place = rest_after(redriven_prefix)) return parse_redriven(*key, *place, value);
    if (*key != config_key) return wrong(*key, "is of no kind that this version knows");
    if (value && value->size() > max_config) return wrong(*key, "has more than 1 MiB");
    return control::Config{std::string(value.value_or(std::string_view()))};
}

ControlMessage control_message(const ControlRecord& record) {
    return std::visit([](const auto& each) { return message_of(each); }, record);
}

// --- the state

std::optional<ControlChange> ControlState::apply(const ControlRecord& record, Time now) {
    forget_expired(now);
    if (const auto* pause = std::get_if<control::Pause>(&record)) return note(*pause);
    if (const auto* cancel = std::get_if<control::Cancel>(&record)) return note(*cancel, now);
    if (const auto* drop = std::get_if<control::Drop>(&record)) return note(*drop);
    if (const auto* usage = std::get_if<control::Usage>(&record)) return note(*usage, now);
    if (const auto* config = std::get_if<control::Config>(&record)) return note(*config);
    return std::nullopt;
}

std::optional<ControlChange> ControlState::note(const control::Pause& pause) {
    const bool before = paused();
    if (pause.paused)
        pauses_.insert_or_assign(pause.source, pause);
    else
        pauses_.erase(pause.source);
    if (paused() == before) return std::nullopt;
    return control_change::Paused{paused()};
}

std::optional<ControlChange> ControlState::note(const control::Cancel& cancel, Time now) {
    const auto found = cancels_.find(cancel.job_id);
    const bool before = found != cancels_.end();
    if (before) {
        expiries_.erase({found->second.expires_at, cancel.job_id});
        cancels_.erase(found);
    }
    const bool after = cancel.cancelled && now < cancel.expires_at;
    if (after) {
        expiries_.emplace(cancel.expires_at, cancel.job_id);
        cancels_.emplace(cancel.job_id, cancel);
    }
    if (after == before) return std::nullopt;
    if (after) return control_change::Cancelled{cancel.job_id};
    return control_change::Restored{cancel.job_id};
}

std::optional<ControlChange> ControlState::note(const control::Drop& drop) {
    const Place place{drop.topic, drop.partition};
    if (drop.below <= 0) {
        drops_.erase(place);
        return std::nullopt;  // what was dropped is finished: there is nothing to undo
    }
    std::int64_t& below = drops_[place];
    const bool more = drop.below > below;
    below = drop.below;
    if (!more) return std::nullopt;
    return control_change::Dropped{drop.topic, drop.partition, drop.below};
}

std::optional<ControlChange> ControlState::note(const control::Usage& usage, Time now) {
    if (usage.known && now - usage.at < usage_lasts)
        usages_.insert_or_assign(usage.pod, usage);
    else if (usages_.erase(usage.pod) == 0)
        return std::nullopt;
    return control_change::Used{usage.pod};
}

std::optional<ControlChange> ControlState::note(const control::Config& config) {
    if (config.value == config_) return std::nullopt;
    config_ = config.value;
    return control_change::Configured{config_};
}

void ControlState::forget_expired(Time now) {
    while (!expiries_.empty() && expiries_.begin()->first <= now) {
        cancels_.erase(expiries_.begin()->second);
        expiries_.erase(expiries_.begin());
    }
    std::erase_if(usages_, [now](const auto& entry) { return now - entry.second.at >= usage_lasts; });
}

std::vector<control::Pause> ControlState::pause_sources() const {
    std::vector<control::Pause> sources;
    for (const auto& [source, pause] : pauses_) sources.push_back(pause);
    return sources;
}

bool ControlState::is_cancelled(std::string_view job_id, Time now) const {
    if (cancels_.empty()) return false;
    const auto found = cancels_.find(job_id);
    return found != cancels_.end() && now < found->second.expires_at;
}

std::vector<control::Cancel> ControlState::cancels(Time now) const {
    std::vector<control::Cancel> all;
    for (const auto& [id, cancel] : cancels_)
        if (now < cancel.expires_at) all.push_back(cancel);
    return all;
}

std::int64_t ControlState::dropped_below(std::string_view topic, int partition) const {
    if (drops_.empty()) return 0;
    const auto found = drops_.find(Place{std::string(topic), partition});
    return found == drops_.end() ? 0 : found->second;
}

std::vector<control::Usage> ControlState::usages(Time now) const {
    std::vector<control::Usage> fresh;
    for (const auto& [pod, usage] : usages_)  // one from the future is of a clock that is wrong
        if (now - usage.at < usage_lasts && usage.at - now < usage_lasts) fresh.push_back(usage);
    return fresh;
}

}  // namespace drover::jobqueue
