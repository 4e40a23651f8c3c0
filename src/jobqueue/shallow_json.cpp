#include "src/jobqueue/shallow_json.h"

#include <nlohmann/json.hpp>

namespace drover::jobqueue {

nlohmann::json parse_shallow_json(std::string_view text) {
    using nlohmann::json;
    bool too_deep = false;
    const auto keep = [&too_deep](int depth, json::parse_event_t, const json&) {
        too_deep = too_deep || depth > deepest_json;
        return !too_deep;
    };
    json value = json::parse(text, keep, false);
    return too_deep ? json(json::value_t::discarded) : value;
}

}  // namespace drover::jobqueue
