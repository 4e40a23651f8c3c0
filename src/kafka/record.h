// A fetched Kafka record, without a copy until detach(): it owns librdkafka's message. Room: kafka.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/base/time.h"

struct rd_kafka_message_s;

namespace drover::kafka {

// Move-only. Views live as long as the record, and no longer than until detach(). Every record must be destroyed before
// the Fetcher it came from.
class Record {
public:
    explicit Record(rd_kafka_message_s* message) : message_(message) {}

    // librdkafka keeps a whole response, of half a MiB, for as long as one of its records is there. A record that stays
    // for long is copied out of it.
    void detach();

    std::string_view topic() const;
    int partition() const;
    std::int64_t offset() const;
    Time timestamp() const;                       // the broker's or the producer's; the epoch when there is none
    std::optional<std::string_view> key() const;  // nothing: null
    std::optional<std::string_view> value() const;
    void headers(std::vector<FieldView>& out) const;  // replaces what `out` holds; in order, repeated names kept

private:
    struct Destroy {
        void operator()(rd_kafka_message_s* message) const;
    };
    struct Copy {
        std::string topic;
        int partition = 0;
        std::int64_t offset = 0;
        Time timestamp{};
        std::optional<std::string> key, value;
        std::vector<Field> headers;
    };
    std::unique_ptr<rd_kafka_message_s, Destroy> message_;  // or
    std::unique_ptr<Copy> copy_;
};

}  // namespace drover::kafka
