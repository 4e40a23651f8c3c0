// A record that is to be written durably: a job, or whatever else the gateway writes. Room: gateway/submit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/field.h"

namespace drover::gateway {

struct Outgoing {
    std::string topic;
    std::optional<std::string> key;  // Kafka's; it chooses the partition
    std::optional<std::string> value;
    std::vector<Field> headers;
    std::string id;          // the job's: chooses the partition where there is no key; "": chance does
    bool unhurried = false;  // nobody waits for it: it may wait for others that go with it

    bool operator==(const Outgoing&) const = default;
};

}  // namespace drover::gateway
