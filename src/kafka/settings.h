// Kafka's own settings by librdkafka's names, and what is common to our clients. Room: kafka.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "src/base/result.h"

namespace drover::kafka {

// bootstrap.servers, security.protocol, ssl.*, sasl.*, …
using Settings = std::map<std::string, std::string>;

struct TopicPartition {
    std::string topic;
    int partition = 0;
    auto operator<=>(const TopicPartition&) const = default;
};

// Trouble of a client that is not the answer to a call: brokers down, authentication refused, a fatal error.
// librdkafka goes on trying by itself; the shell logs it and turns it into a condition.
struct ClientError {
    Error error;
    std::string broker;  // or ""
    bool fatal = false;  // this client will never work again
};

}  // namespace drover::kafka
