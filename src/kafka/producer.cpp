#include "src/kafka/producer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "src/kafka/client.h"
#include "src/kafka/sending.h"

namespace drover::kafka {

namespace {

constexpr int flush_millis = 5000;

void* to_opaque(std::uint64_t token) { return reinterpret_cast<void*>(token); }  // NOLINT(performance-no-int-to-ptr)
std::uint64_t from_opaque(void* opaque) { return reinterpret_cast<std::uintptr_t>(opaque); }

Result<Configuration> configure_producer(const Settings& settings, std::chrono::milliseconds linger) {
    auto configuration = configure(settings, sender_settings(linger));
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
        if (const ApiError error = send(current_->client.get(), message, to_opaque(token), topic_)) {
            return tl::unexpected(to_error(error.get(), topic_));
        }
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
                Result<Acknowledged> outcome = outcome_of(*message);
                if (!outcome && (abandoned || sender.broken())) outcome.error().retryable = true;
                deliveries.push_back({from_opaque(message->_private), std::move(outcome)});
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
