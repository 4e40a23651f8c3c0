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

void Record::detach() {
    if (copy_) return;
    const auto owned = [](std::optional<std::string_view> view) {
        return view ? std::optional<std::string>(*view) : std::nullopt;
    };
    auto copy = std::make_unique<Copy>(Copy{.topic = std::string(topic()),
                                            .partition = partition(),
                                            .offset = offset(),
                                            .timestamp = timestamp(),
                                            .key = owned(key()),
                                            .value = owned(value())});
    std::vector<FieldView> fields;
    headers(fields);
    for (const FieldView& field : fields) copy->headers.push_back({std::string(field.name), std::string(field.value)});
    copy_ = std::move(copy);
    message_.reset();
}

std::string_view Record::topic() const {
    if (copy_) return copy_->topic;
    return rd_kafka_topic_name(message_->rkt);
}

int Record::partition() const { return copy_ ? copy_->partition : message_->partition; }

std::int64_t Record::offset() const { return copy_ ? copy_->offset : message_->offset; }

Time Record::timestamp() const {
    if (copy_) return copy_->timestamp;
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const std::int64_t millis = rd_kafka_message_timestamp(message_.get(), &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? Time{} : time_from_millis(millis);
}

std::optional<std::string_view> Record::key() const {
    return copy_ ? std::optional<std::string_view>(copy_->key) : view_or_null(message_->key, message_->key_len);
}

std::optional<std::string_view> Record::value() const {
    return copy_ ? std::optional<std::string_view>(copy_->value) : view_or_null(message_->payload, message_->len);
}

void Record::headers(std::vector<FieldView>& out) const {
    out.clear();
    if (copy_) {
        for (const Field& field : copy_->headers) out.push_back({field.name, field.value});
        return;
    }
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
