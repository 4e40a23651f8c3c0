// What a watch has told so far: the objects by namespace and name. Room: kube. Pure: one owner thread.
//
// Objects are shared and never changed: who keeps one keeps what it was then.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/kube/object_key.h"

namespace drover::kube {

using Object = std::shared_ptr<const nlohmann::json>;

struct Change {
    enum class Kind { added, changed, deleted };
    Kind kind = Kind::added;
    ObjectKey key;
    Object before;  // null where added
    Object after;   // null where deleted
};

// metadata.namespace and metadata.name; the name is empty where there is none.
ObjectKey key_of(const nlohmann::json& object);

class Store {
public:
    // All that there is, as a list says. What was here and is not among them was deleted meanwhile. An object under the
    // same name with another uid is another one: deleted, and added.
    std::vector<Change> replace(std::vector<nlohmann::json> objects);
    // Added or modified. Nothing comes of one that is here in that resourceVersion already, or that has no name.
    std::vector<Change> put(nlohmann::json object);
    std::vector<Change> remove(const ObjectKey& key);

    Object get(const ObjectKey& key) const;  // null: not here
    const std::map<ObjectKey, Object>& objects() const { return objects_; }
    std::size_t size() const { return objects_.size(); }

private:
    std::map<ObjectKey, Object> objects_;
};

}  // namespace drover::kube
