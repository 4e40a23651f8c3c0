#include "src/kafka/sending.h"

#include <array>
#include <memory>
#include <optional>
#include <string_view>

namespace drover::kafka {
namespace {

using Headers = std::unique_ptr<rd_kafka_headers_t, Destroyer<rd_kafka_headers_destroy>>;

// A view that is empty, but there, may have no address; to librdkafka that is null.
const char* address(std::string_view view) { return view.data() == nullptr ? "" : view.data(); }

}  // namespace

Settings sender_settings(std::chrono::milliseconds linger) {
    return {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", std::to_string(linger.count())},
        {"batch.size", linger.count() > 0 ? "65536" : "1000000"},  // a topic's limit is one of whole batches
        {"partitioner", "murmur2_random"},
        {"message.timeout.ms", "30000"},
        {"topic.metadata.propagation.max.ms", "10000"},  // then a missing topic fails its messages
        {"allow.auto.create.topics", "false"},           // what nobody reads would be created by a mistyped name
        // The topic's limit decides, not ours: the largest payload of a queue, 100 MiB, passes with what comes with it.
        {"queue.buffering.max.kbytes", "131072"},
        {"message.max.bytes", "110000000"},
        {"sticky.partitioning.linger.ms", "0"},
    };
}

ApiError send(rd_kafka_t* client, const Message& message, void* opaque, std::string& topic) {
    Headers headers(rd_kafka_headers_new(message.headers.size()));
    for (const auto& [name, value] : message.headers) {
        rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    }
    topic.assign(message.topic);
    std::array<rd_kafka_vu_t, 7> fields{};
    std::size_t count = 0;
    fields[count].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[count++].u.cstr = topic.c_str();
    fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
    fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[count++].u.ptr = opaque;
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers.get();
    if (message.partition) {
        fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
        fields[count++].u.i32 = *message.partition;
    }
    const auto add = [&](rd_kafka_vtype_t type, const std::optional<std::string_view>& bytes) {
        if (!bytes) return;
        fields[count].vtype = type;
        // librdkafka's struct has no const; it only reads, since the flag above says copy.
        fields[count].u.mem.ptr = const_cast<char*>(address(*bytes));
        fields[count++].u.mem.size = bytes->size();
    };
    add(RD_KAFKA_VTYPE_KEY, message.key);
    add(RD_KAFKA_VTYPE_VALUE, message.value);
    ApiError error{rd_kafka_produceva(client, fields.data(), count)};
    if (!error) [[maybe_unused]]
        auto* taken = headers.release();
    return error;
}

Result<Acknowledged> outcome_of(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        return Acknowledged{message.partition, message.offset,
                            time_from_millis(rd_kafka_message_timestamp(&message, &type))};
    }
    // Not rd_kafka_message_errstr(): of a produced message it takes the payload for the text.
    return tl::unexpected(
        to_error(message.err, std::string(rd_kafka_topic_name(message.rkt)) + ": " + rd_kafka_err2str(message.err)));
}

}  // namespace drover::kafka
