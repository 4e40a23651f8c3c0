#include "src/kube/watch_event.h"

#include <optional>
#include <utility>

#include "src/kube/json_fields.h"

namespace drover::kube {
namespace {

tl::unexpected<ApiError> unreadable(std::string why) {
    return tl::unexpected(ApiError{ApiError::Reason::unreadable, 0, "a watch's line " + std::move(why), {}, {}});
}

std::optional<WatchEvent::Type> type_of(std::string_view name) {
    if (name == "ADDED") return WatchEvent::Type::added;
    if (name == "MODIFIED") return WatchEvent::Type::modified;
    if (name == "DELETED") return WatchEvent::Type::deleted;
    if (name == "BOOKMARK") return WatchEvent::Type::bookmark;
    return std::nullopt;
}

}  // namespace

ApiResult<WatchEvent> parse_watch_event(std::string_view line) {
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (parsed.is_discarded()) return unreadable("is no JSON");
    const auto type_name = text_at(parsed, {"type"});
    const auto* object = field_at(parsed, {"object"});
    if (!object || !object->is_object()) return unreadable("has no object");
    if (type_name == "ERROR") return tl::unexpected(api_error(*object));
    const auto type = type_of(type_name);
    if (!type) return unreadable("has no type that is known");

    WatchEvent event{*type, {}, std::string(text_at(*object, {"metadata", "resourceVersion"}))};
    if (event.version.empty()) return unreadable("has an object without a resourceVersion");
    if (event.type != WatchEvent::Type::bookmark && text_at(*object, {"metadata", "name"}).empty()) {
        return unreadable("has an object without a name");
    }
    event.object = std::move(parsed["object"]);
    return event;
}

}  // namespace drover::kube
