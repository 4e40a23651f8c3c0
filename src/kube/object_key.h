// Which object: its namespace ("" for those that have none) and its name. Room: kube.
#pragma once

#include <compare>
#include <string>

namespace drover::kube {

struct ObjectKey {
    std::string namespace_name;
    std::string name;

    auto operator<=>(const ObjectKey&) const = default;
    // For people: "shop/email".
    std::string text() const { return namespace_name.empty() ? name : namespace_name + "/" + name; }
};

}  // namespace drover::kube
