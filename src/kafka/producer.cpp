#include "src/kafka/producer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "src/kafka/client.h"
#include "src/kafka/sending.h"

namespace drover::kafka {

namespace {

constexpr int flush_step = 20;  // ms

void* to_opaque(std::uint64_t token) { return reinterpret_cast<void*>(token); }  // NOLINT(performance-no-int-to-ptr)
std::uint64_t from_opaque(void* opaque) { return reinterpret_cast<std::uintptr_t>(opaque); }

// Of a message with a partition_key librdkafka carries its hash beside the token, since it may choose the partition
// later, on a thread of its own. Only of producers that take such keys: others' tokens may have any bits.
constexpr std::uint64_t hash_flag = std::uint64_t{1} << 63;

std::uint64_t token_beside_hash(void* opaque) {
    const std::uint64_t carried = from_opaque(opaque);
    return (carried & hash_flag) == 0 ? carried : carried & 0xffff'ffff;
}

// As Java hashes a key: 31 bits of murmur2.
std::uint64_t with_hash(std::string_view key, std::uint64_t token) {
    constexpr std::int32_t all = 0x7fff'ffff;
    const auto hash = static_cast<std::uint64_t>(
        rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), all, nullptr, nullptr));
    return hash_flag | hash << 32 | token;
}

std::int32_t choose_partition(const rd_kafka_topic_t* topic, const void* key, std::size_t size, std::int32_t count,
                              void* topic_opaque, void* opaque) {
    const std::uint64_t carried = from_opaque(opaque);
    if (key == nullptr && (carried & hash_flag) != 0) {
        return static_cast<std::int32_t>(((carried & ~hash_flag) >> 32) % static_cast<std::uint64_t>(count));
    }
    return rd_kafka_msg_partitioner_murmur2_random(topic, key, size, count, topic_opaque, opaque);
}

Result<Configuration> configure_producer(const Settings& settings, std::chrono::milliseconds linger,
                                         const Patience& patience) {
    Settings owned = sender_settings(linger);
    owned["max.in.flight.requests.per.connection"] = std::to_string(patience.requests_in_flight);
    owned["message.timeout.ms"] = std::to_string(patience.delivery.count());
    // Then a missing topic fails its messages.
    owned["topic.metadata.propagation.max.ms"] = std::to_string(patience.missing_topic.count());
    auto configuration = configure(settings, owned);
    if (configuration) {
        // The settings above have made the topics' configuration.
        if (patience.partition_keys)
            rd_kafka_topic_conf_set_partitioner_cb(rd_kafka_conf_get_default_topic_conf(configuration->get()),
                                                   choose_partition);
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

class LibrdkafkaProducer final : public Producer {
public:
    LibrdkafkaProducer(Settings settings, std::chrono::milliseconds linger, Patience patience, Client client,
                       Wakeup& wakeup)
        : settings_(std::move(settings)),
          linger_(linger),
          patience_(patience),
          wakeup_(wakeup),
          current_(std::make_unique<Sender>(std::move(client), wakeup)) {}

    ~LibrdkafkaProducer() override {
        const auto end = std::chrono::steady_clock::now() + patience_.flush;
        std::vector<Delivery> unheard;  // what is reported counts as unanswered until it is polled
        while (current_->in_flight > 0 && std::chrono::steady_clock::now() < end) {
            rd_kafka_flush(current_->client.get(), flush_step);
            collect(*current_, false, unheard);
        }
        rd_kafka_purge(current_->client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }

    Result<void> produce(const Message& message, std::uint64_t token) override {
        const bool hashed = patience_.partition_keys && !message.key && message.partition_key;
        void* opaque = to_opaque(hashed ? with_hash(*message.partition_key, token) : token);
        if (current_->broken() && !has_no_successor_) replace();
        if (const ApiError error = send(current_->client.get(), message, opaque, topic_)) {
            Error refused = to_error(error.get(), topic_);
            refused.retryable = refused.retryable || current_->broken();
            return tl::unexpected(std::move(refused));
        }
        ++current_->in_flight;
        return {};
    }

    std::vector<Delivery> poll() override {
        std::vector<Delivery> deliveries;
        collect(*current_, false, deliveries);
        if (current_->broken()) replace();  // tried again with each poll
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
                Result<Acknowledged> outcome = outcome_of(*message);
                if (!outcome && (abandoned || sender.broken())) outcome.error().retryable = true;
                deliveries.push_back({token_of(message->_private), std::move(outcome)});
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

    std::uint64_t token_of(void* opaque) const {
        return patience_.partition_keys ? token_beside_hash(opaque) : from_opaque(opaque);
    }

    void replace() {
        auto configuration = configure_producer(settings_, linger_, patience_);
        auto client = configuration ? make_client(RD_KAFKA_PRODUCER, std::move(*configuration))
                                    : tl::unexpected(configuration.error());
        has_no_successor_ = !client;
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
    Patience patience_;
    Wakeup& wakeup_;
    std::string topic_;  // reused: librdkafka wants a terminated string
    std::vector<ClientError> troubles_;
    bool has_no_successor_ = false;
    std::jthread undertaker_;
    std::vector<std::unique_ptr<Sender>> abandoned_;  // fatal, until each of their messages was answered
    std::unique_ptr<Sender> current_;
};

}  // namespace

Result<std::unique_ptr<Producer>> Producer::create(const Settings& settings, Wakeup& wakeup,
                                                   std::chrono::milliseconds linger, Patience patience) {
    auto configuration = configure_producer(settings, linger, patience);
    if (!configuration) return tl::unexpected(configuration.error());
    auto client = make_client(RD_KAFKA_PRODUCER, std::move(*configuration));
    if (!client) return tl::unexpected(client.error());
    return std::make_unique<LibrdkafkaProducer>(settings, linger, patience, std::move(*client), wakeup);
}

}  // namespace drover::kafka
