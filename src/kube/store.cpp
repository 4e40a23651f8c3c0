#include "src/kube/store.h"

#include <set>
#include <utility>

#include "src/kube/json_fields.h"

namespace drover::kube {

ObjectKey key_of(const nlohmann::json& object) {
    return {std::string(text_at(object, {"metadata", "namespace"})),
            std::string(text_at(object, {"metadata", "name"}))};
}

std::vector<Change> Store::replace(std::vector<nlohmann::json> objects) {
    std::vector<Change> changes;
    std::set<ObjectKey> seen;
    for (const auto& object : objects) seen.insert(key_of(object));
    for (auto at = objects_.begin(); at != objects_.end();) {
        const auto here = at++;
        if (seen.contains(here->first)) continue;
        changes.push_back({Change::Kind::deleted, here->first, here->second, nullptr});
        objects_.erase(here);
    }
    for (auto& object : objects) {
        for (auto& change : put(std::move(object))) changes.push_back(std::move(change));
    }
    return changes;
}

std::vector<Change> Store::put(nlohmann::json object) {
    const ObjectKey key = key_of(object);
    if (key.name.empty()) return {};
    const auto after = std::make_shared<const nlohmann::json>(std::move(object));
    Object& here = objects_[key];
    const Object before = std::exchange(here, after);
    if (!before) return {{Change::Kind::added, key, nullptr, after}};
    if (text_at(*before, {"metadata", "uid"}) != text_at(*after, {"metadata", "uid"})) {
        return {{Change::Kind::deleted, key, before, nullptr}, {Change::Kind::added, key, nullptr, after}};
    }
    const auto version = text_at(*after, {"metadata", "resourceVersion"});
    if (!version.empty() && version == text_at(*before, {"metadata", "resourceVersion"})) return {};
    return {{Change::Kind::changed, key, before, after}};
}

std::vector<Change> Store::remove(const ObjectKey& key) {
    const auto at = objects_.find(key);
    if (at == objects_.end()) return {};
    const Object before = at->second;
    objects_.erase(at);
    return {{Change::Kind::deleted, key, before, nullptr}};
}

Object Store::get(const ObjectKey& key) const {
    const auto at = objects_.find(key);
    return at == objects_.end() ? nullptr : at->second;
}

}  // namespace drover::kube
