#include "src/kafka/record.h"

#include <librdkafka/rdkafka.h>

namespace drover::kafka {

namespace {

std::optional<std::string_view> view_or_null(const void* data, std::size_t size) {
    if (data == nullptr) return std::nullopt;
    return std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

void Record::Destroy::operator()(rd_kafka_message_s* message) const { rd_kafka_message_destroy(message); }

std::string_view Record::topic() const { return rd_kafka_topic_name(message_->rkt); }

int Record::partition() const { return message_->partition; }

std::int64_t Record::offset() const { return message_->offset; }

Time Record::timestamp() const {
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const std::int64_t millis = rd_kafka_message_timestamp(message_.get(), &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? Time{} : time_from_millis(millis);
}

std::optional<std::string_view> Record::key() const { return view_or_null(message_->key, message_->key_len); }

std::optional<std::string_view> Record::value() const { return view_or_null(message_->payload, message_->len); }

void Record::headers(std::vector<FieldView>& out) const {
    out.clear();
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
        out.push_back({name, view_or_null(value, size).value_or(std::string_view())});
    }
}

}  // namespace drover::kafka
