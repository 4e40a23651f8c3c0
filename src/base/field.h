// A name and a value, as Kafka's and HTTP's headers are. Room: base.
#pragma once

#include <string>
#include <string_view>

namespace drover {

struct Field {
    std::string name;
    std::string value;

    bool operator==(const Field&) const = default;
};

// Borrowed: valid as long as what it was read from. A null value reads as empty.
struct FieldView {
    std::string_view name;
    std::string_view value;
};

}  // namespace drover
