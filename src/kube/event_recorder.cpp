#include "src/kube/event_recorder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <utility>

#include "src/kube/json_fields.h"
#include "src/kube/lease.h"
#include "src/kube/store.h"

namespace drover::kube {
namespace {

using nlohmann::json;

constexpr std::size_t longest_word = 128;
constexpr std::size_t longest_note = 1024;

json reference_to(const json& object) {
    json reference = json::object();
    for (const auto* name : {"apiVersion", "kind"}) reference[name] = text_at(object, {name});
    for (const auto* name : {"namespace", "name", "uid", "resourceVersion"}) {
        if (const auto text = text_at(object, {"metadata", name}); !text.empty()) reference[name] = text;
    }
    return reference;
}

std::string name_for(std::string_view object_name, Time now) {
    std::string name(object_name.substr(0, 200));
    while (!name.empty() && !std::isalnum(static_cast<unsigned char>(name.back()))) name.pop_back();
    std::array<char, 20> number{};
    std::snprintf(number.data(), number.size(), ".%016llx",
                  static_cast<unsigned long long>(now.time_since_epoch().count()));
    return (name.empty() ? "drover" : name) + number.data();
}

}  // namespace

EventRecorder::EventRecorder(std::string controller, std::string instance)
    : controller_(std::move(controller)), instance_(std::move(instance)) {}

std::optional<EventWrite> EventRecorder::record(const json& object, const EventNote& note, Time now) {
    const std::string reason(shortened(note.reason, longest_word)), action(shortened(note.action, longest_word)),
        text(shortened(note.note, longest_note));
    const auto uid = text_at(object, {"metadata", "uid"});
    const ObjectKey about = key_of(object);
    const Same same{uid.empty() ? about.text() : std::string(uid), note.type, reason, action, text};

    if (const auto known = series_.find(same); known != series_.end() && now - known->second.last_seen < same_within) {
        Series& series = known->second;
        ++series.count;
        series.last_seen = std::max(series.last_seen, now);
        if (now - series.last_written < write_interval) return std::nullopt;
        series.last_written = now;
        return EventWrite{
            series.key,
            false,
            {{"series", {{"count", series.count}, {"lastObservedTime", format_micro_time(series.last_seen)}}}}};
    }

    if (series_.size() >= most_remembered && !series_.contains(same)) forget_one();
    // Each name's time is later than the last one's: two Events never have one name.
    last_named_ = std::max(now, last_named_ + Duration(1));
    const ObjectKey key{about.namespace_name.empty() ? "default" : about.namespace_name,
                        name_for(about.name, last_named_)};
    series_[same] = Series{key, 1, now, now};
    return EventWrite{key,
                      true,
                      {{"apiVersion", "events.k8s.io/v1"},
                       {"kind", "Event"},
                       {"metadata", {{"namespace", key.namespace_name}, {"name", key.name}}},
                       {"eventTime", format_micro_time(now)},
                       {"reportingController", controller_},
                       {"reportingInstance", std::string(shortened(instance_, longest_word))},
                       {"type", note.type == EventNote::Type::warning ? "Warning" : "Normal"},
                       {"reason", reason},
                       {"action", action},
                       {"note", text},
                       {"regarding", reference_to(object)}}};
}

void EventRecorder::forget_one() {
    const auto quietest = std::min_element(series_.begin(), series_.end(), [](const auto& one, const auto& other) {
        return one.second.last_seen < other.second.last_seen;
    });
    if (quietest != series_.end()) series_.erase(quietest);
}

}  // namespace drover::kube
