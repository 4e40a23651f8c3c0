#include "src/kafka/producer.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "src/kafka/client.h"

namespace drover::kafka {

namespace {

constexpr int flush_millis = 5000;

void* to_opaque(std::uint64_t token) { return reinterpret_cast<void*>(token); }  // NOLINT(performance-no-int-to-ptr)
std::uint64_t from_opaque(void* opaque) { return reinterpret_cast<std::uintptr_t>(opaque); }

using Headers = std::unique_ptr<rd_kafka_headers_t, Destroyer<rd_kafka_headers_destroy>>;

// A view that is empty, but there, may have no address; to librdkafka that is null.
const char* address(std::string_view view) { return view.data() == nullptr ? "" : view.data(); }

Settings owned_settings(std::chrono::milliseconds linger) {
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

Result<Configuration> configure_producer(const Settings& settings, std::chrono::milliseconds linger) {
    auto configuration = configure(settings, owned_settings(linger));
    if (configuration) {
        rd_kafka_conf_set_events(configuration->get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    }
    return configuration;
}

// A client of librdkafka with the messages that it has not answered.
struct Sender {
    Sender(Client made, Wakeup& wakeup) : client(std::move(made)), events(rd_kafka_queue_get_main(client.get())) {
        rd_kafka_set_log_queue(client.get(), events.get());
        wake_on_event(events.get(), wakeup);
    }
    ~Sender() {
        if (events) rd_kafka_queue_cb_event_enable(events.get(), nullptr, nullptr);
    }
    Sender(Sender&&) = default;
    Sender& operator=(Sender&&) = delete;
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    bool broken() const { return rd_kafka_fatal_error(client.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR; }

    Client client;
    Queue events;
    std::size_t in_flight = 0;
};

Result<Acknowledged> outcome_of(const rd_kafka_message_t& message, bool abandoned) {
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        return Acknowledged{message.partition, message.offset,
                            time_from_millis(rd_kafka_message_timestamp(&message, &type))};
    }
    // Not rd_kafka_message_errstr(): of a produced message it takes the payload for the text.
    Error error =
        to_error(message.err, std::string(rd_kafka_topic_name(message.rkt)) + ": " + rd_kafka_err2str(message.err));
    error.retryable = error.retryable || abandoned;
    return tl::unexpected(std::move(error));
}

class LibrdkafkaProducer final : public Producer {
public:
    LibrdkafkaProducer(Settings settings, std::chrono::milliseconds linger, Client client, Wakeup& wakeup)
        : settings_(std::move(settings)),
          linger_(linger),
          wakeup_(wakeup),
          current_(std::make_unique<Sender>(std::move(client), wakeup)) {}

    ~LibrdkafkaProducer() override {
        rd_kafka_flush(current_->client.get(), flush_millis);
        rd_kafka_purge(current_->client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }

    Result<void> produce(const Message& message, std::uint64_t token) override {
        Headers headers(rd_kafka_headers_new(message.headers.size()));
        for (const auto& [name, value] : message.headers) {
            rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                                static_cast<ssize_t>(value.size()));
        }
        topic_.assign(message.topic);
        std::array<rd_kafka_vu_t, 6> fields{};
        std::size_t count = 0;
        fields[count].vtype = RD_KAFKA_VTYPE_TOPIC;
        fields[count++].u.cstr = topic_.c_str();
        fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
        fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
        fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
        fields[count++].u.ptr = to_opaque(token);
        fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
        fields[count++].u.headers = headers.get();
        const auto add = [&](rd_kafka_vtype_t type, const std::optional<std::string_view>& bytes) {
            if (!bytes) return;
            fields[count].vtype = type;
            // librdkafka's struct has no const; it only reads, since the flag above says copy.
            fields[count].u.mem.ptr = const_cast<char*>(address(*bytes));
            fields[count++].u.mem.size = bytes->size();
        };
        add(RD_KAFKA_VTYPE_KEY, message.key);
        add(RD_KAFKA_VTYPE_VALUE, message.value);
        if (const ApiError error{rd_kafka_produceva(current_->client.get(), fields.data(), count)}) {
            return tl::unexpected(to_error(error.get(), topic_));
        }
        [[maybe_unused]] auto* taken = headers.release();
        ++current_->in_flight;
        return {};
    }

    std::vector<Delivery> poll() override {
        std::vector<Delivery> deliveries;
        collect(*current_, false, deliveries);
        if (current_->broken()) replace();
        for (auto& sender : abandoned_) collect(*sender, true, deliveries);
        std::erase_if(abandoned_, [this](auto& sender) {
            if (sender->in_flight > 0) return false;
            // It may take a while, and this thread must not wait. The one before it is done, or is waited for: a
            // second fatal error within moments of the first.
            undertaker_ = std::jthread([dead = std::move(sender)]() mutable { dead.reset(); });
            return true;
        });
        return deliveries;
    }

    std::vector<ClientError> troubles() override { return std::exchange(troubles_, {}); }

    std::size_t in_flight() const override {
        std::size_t count = current_->in_flight;
        for (const auto& sender : abandoned_) count += sender->in_flight;
        return count;
    }

private:
    void collect(Sender& sender, bool abandoned, std::vector<Delivery>& deliveries) {
        while (const Event event{rd_kafka_queue_poll(sender.events.get(), 0)}) {
            if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) {
                if (auto error = client_error(sender.client.get(), event.get())) add(std::move(*error));
                continue;
            }
            while (const auto* message = rd_kafka_event_message_next(event.get())) {
                deliveries.push_back(
                    {from_opaque(message->_private), outcome_of(*message, abandoned || sender.broken())});
                --sender.in_flight;
            }
        }
    }

    // A fatal error of librdkafka's is not ours: we go on with a new client.
    void add(ClientError error) {
        if (std::exchange(error.fatal, false)) error.error.message += " (a new producer takes over)";
        error.error.retryable = true;
        troubles_.push_back(std::move(error));
    }

    void replace() {
        auto configuration = configure_producer(settings_, linger_);
        auto client = configuration ? make_client(RD_KAFKA_PRODUCER, std::move(*configuration))
                                    : tl::unexpected(configuration.error());
        if (!client) {  // the settings were good before; certificates may have gone since
            troubles_.push_back({.error = client.error(), .fatal = true});
            return;
        }
        rd_kafka_purge(current_->client.get(),
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        abandoned_.push_back(std::move(current_));
        current_ = std::make_unique<Sender>(std::move(*client), wakeup_);
        wakeup_.notify();
    }

    Settings settings_;
    std::chrono::milliseconds linger_;
    Wakeup& wakeup_;
    std::string topic_;  // reused: librdkafka wants a terminated string
    std::vector<ClientError> troubles_;
    std::jthread undertaker_;
    std::vector<std::unique_ptr<Sender>> abandoned_;  // fatal, until each of their messages was answered
    std::unique_ptr<Sender> current_;
};

}  // namespace

Result<std::unique_ptr<Producer>> Producer::create(const Settings& settings, Wakeup& wakeup,
                                                   std::chrono::milliseconds linger) {
    auto configuration = configure_producer(settings, linger);
    if (!configuration) return tl::unexpected(configuration.error());
    auto client = make_client(RD_KAFKA_PRODUCER, std::move(*configuration));
    if (!client) return tl::unexpected(client.error());
    return std::make_unique<LibrdkafkaProducer>(settings, linger, std::move(*client), wakeup);
}

}  // namespace drover::kafka
