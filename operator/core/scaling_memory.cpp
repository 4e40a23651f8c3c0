#include "operator/core/scaling_memory.h"

#include <cmath>
#include <string>

namespace drover::operator_core {
namespace {

using nlohmann::json;

constexpr std::size_t most_wishes = 14;

std::optional<Time> time_in(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    return parse_rfc3339(found->get_ref<const std::string&>());
}

template <class Number>
std::optional<Number> number_in(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number()) return std::nullopt;
    const auto number = found->get<double>();
    // An integer that is none, or too large to be one, is not ours.
    constexpr double exact = 9e15;
    if (!std::isfinite(number) || number < 0 || number > exact) return std::nullopt;
    return static_cast<Number>(number);
}

}  // namespace

json to_json(const Memory& memory) {
    json object{{"arrivalRate", memory.arrival_rate}};
    if (memory.end_offsets) {
        object["endOffsets"] = *memory.end_offsets;
        object["endOffsetsAt"] = format_rfc3339(memory.end_offsets_at);
    }
    if (memory.service_seconds) {
        object["serviceSeconds"] = *memory.service_seconds;
        object["serviceWeight"] = memory.service_weight;
    }
    if (memory.busy) {
        object["busyMicros"] = memory.busy->busy_us;
        object["completions"] = memory.busy->completions;
        object["busyAt"] = format_rfc3339(memory.busy_at);
    }
    if (memory.last_busy) object["lastBusy"] = format_rfc3339(*memory.last_busy);
    json wishes = json::array();
    for (const Memory::Wish& wish : memory.wishes) {
        wishes.push_back({{"at", format_rfc3339(wish.slice)}, {"replicas", wish.replicas}});
    }
    object["wishes"] = std::move(wishes);
    return object;
}

Memory memory_from(const json& json) {
    Memory memory;
    if (!json.is_object()) return memory;
    memory.arrival_rate = number_in<double>(json, "arrivalRate").value_or(0);
    if (const auto at = time_in(json, "endOffsetsAt")) {
        memory.end_offsets = number_in<std::int64_t>(json, "endOffsets");
        if (memory.end_offsets) memory.end_offsets_at = *at;
    }
    memory.service_seconds = number_in<double>(json, "serviceSeconds");
    if (memory.service_seconds) memory.service_weight = number_in<double>(json, "serviceWeight").value_or(0);
    const auto busy_at = time_in(json, "busyAt");
    const auto busy = number_in<std::int64_t>(json, "busyMicros");
    const auto completions = number_in<std::int64_t>(json, "completions");
    if (busy_at && busy && completions) {
        memory.busy = jobqueue::BusyCounters{*busy, *completions};
        memory.busy_at = *busy_at;
    }
    memory.last_busy = time_in(json, "lastBusy");
    const auto wishes = json.find("wishes");
    if (wishes == json.end() || !wishes->is_array()) return memory;
    for (const auto& each : *wishes) {
        if (!each.is_object() || memory.wishes.size() == most_wishes) continue;
        const auto at = time_in(each, "at");
        const auto replicas = number_in<std::int64_t>(each, "replicas");
        // Oldest first, each slice once: else it is not what decide() left behind.
        const bool in_order = at && (memory.wishes.empty() || memory.wishes.back().slice < *at);
        if (in_order && replicas && *replicas <= 1'000'000) {
            memory.wishes.push_back({*at, static_cast<int>(*replicas)});
        }
    }
    return memory;
}

}  // namespace drover::operator_core
