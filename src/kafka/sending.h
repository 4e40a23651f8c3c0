// What both producers do alike. Private to the room kafka, as client.h is.
#pragma once

#include <chrono>
#include <string>

#include "src/kafka/client.h"
#include "src/kafka/producer.h"

namespace drover::kafka {

// What a client that sends depends on: idempotence, acks=all, murmur2_random, no limit to a message but its topic's.
Settings sender_settings(std::chrono::milliseconds linger);

// Queues a copy. An error: nothing was queued. `topic` is room for a terminated name.
ApiError send(rd_kafka_t* client, const Message& message, void* opaque, std::string& topic);

// What a delivery report says.
Result<Acknowledged> outcome_of(const rd_kafka_message_t& message);

}  // namespace drover::kafka
