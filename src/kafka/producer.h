// Idempotent producer, acks=all, murmur2_random. Room: kafka.
// Owner thread: all calls from one thread. Nothing blocks, except the destructor (flushes for at most Patience::flush).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/kafka/settings.h"
#include "src/kafka/wakeup.h"

namespace drover::kafka {

struct Message {
    std::string_view topic;
    std::optional<std::string_view> key;
    std::optional<std::string_view> value;
    std::span<const Field> headers;
    std::optional<int> partition;  // nothing: by its key
    // Where there is no key: what chooses the partition, as a key would, so that a copy of the record goes where it
    // went.
    std::optional<std::string_view> partition_key;
};

// How a producer sends, and when it gives a message up by itself. One that it gave up may have been written all the
// same.
struct Patience {
    std::chrono::milliseconds delivery{30'000};  // 0: never, so that idempotence writes it once, however long it takes
    std::chrono::milliseconds missing_topic{10'000};
    bool partition_keys = false;  // messages may have one; tokens are below 2^31 then
    // At a broker, which works at one of a connection at a time. With 1 what comes meanwhile goes together: ADR 3.
    int requests_in_flight = 5;
    std::chrono::milliseconds flush{5000};  // at its end
};

struct Acknowledged {
    int partition = 0;
    std::int64_t offset = 0;
    Time timestamp{};  // the broker's where the topic has LogAppendTime
};

struct Delivery {
    std::uint64_t token = 0;       // of the produce() call
    Result<Acknowledged> outcome;  // too_large: no broker will ever take it
};

class Producer {
public:
    // A message waits `linger` for others that can go with it.
    static Result<std::unique_ptr<Producer>> create(const Settings& settings, Wakeup& wakeup,
                                                    std::chrono::milliseconds linger = {}, Patience patience = {});
    virtual ~Producer() = default;

    // `token` is less than 2^63, and less than 2^32 of a message with a partition_key. Everything is copied. An Error
    // means that nothing was queued (a full queue is retryable); else exactly one Delivery with the token follows.
    virtual Result<void> produce(const Message& message, std::uint64_t token) = 0;

    // Deliveries since the last call. A fatal producer is made anew here; what it had queued fails as retryable.
    virtual std::vector<Delivery> poll() = 0;
    virtual std::vector<ClientError> troubles() = 0;  // since the last call
    virtual std::size_t in_flight() const = 0;        // produced, without their Delivery yet
};

}  // namespace drover::kafka
