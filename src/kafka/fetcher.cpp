#include "src/kafka/fetcher.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "src/kafka/client.h"

namespace drover::kafka {

namespace {

// The partitions at which something arrived. Written by librdkafka's threads, emptied by the owner.
class Arrivals {
public:
    explicit Arrivals(Wakeup& wakeup) : wakeup_(wakeup) {}

    void add(Fetcher::Id id, bool& listed) {
        {
            const std::lock_guard lock(mutex_);
            if (std::exchange(listed, true)) return;
            ids_.emplace_back(id, &listed);
        }
        wakeup_.notify();
    }

    void take(std::vector<Fetcher::Id>& out) {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, listed] : ids_) {
            *listed = false;
            out.push_back(id);
        }
        ids_.clear();
    }

    void forget(Fetcher::Id id) {
        const std::lock_guard lock(mutex_);
        std::erase_if(ids_, [id](const auto& entry) { return entry.first == id; });
    }

private:
    Wakeup& wakeup_;
    std::mutex mutex_;
    std::vector<std::pair<Fetcher::Id, bool*>> ids_;
};

struct Source {
    Source(Fetcher::Id number, TopicPartition of, Queue records, Arrivals& told)
        : id(number), partition(std::move(of)), queue(std::move(records)), arrivals(told) {}

    Fetcher::Id id;
    TopicPartition partition;
    Queue queue;
    Arrivals& arrivals;
    bool listed = false;   // guarded by arrivals
    bool guessed = false;  // where its log begins

    void arrived() { arrivals.add(id, listed); }
};

// Some errors of a partition, like a missing topic, do not come as messages of its queue: librdkafka calls this
// while the queue is read.
using CallbackErrors = std::vector<Error>;

void on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    static_cast<CallbackErrors*>(opaque)->push_back(to_error(static_cast<rd_kafka_resp_err_t>(code), reason));
}

class LibrdkafkaFetcher final : public Fetcher {
public:
    LibrdkafkaFetcher(std::unique_ptr<CallbackErrors> callback_errors, Client client, Wakeup& wakeup)
        : callback_errors_(std::move(callback_errors)), client_(std::move(client)), arrivals_(wakeup) {
        rd_kafka_poll_set_consumer(client_.get());
        events_ = Queue(rd_kafka_queue_get_consumer(client_.get()));
        rd_kafka_set_log_queue(client_.get(), events_.get());
        wake_on_event(events_.get(), wakeup);
    }

    ~LibrdkafkaFetcher() override {
        for (const auto& [id, source] : sources_) close(*source);
        rd_kafka_queue_cb_event_enable(events_.get(), nullptr, nullptr);
    }

    Result<void> start(Id id, const TopicPartition& partition, std::int64_t offset) override {
        if (sources_.contains(id)) {
            return failure(Error::Code::conflict, "fetcher: the number " + std::to_string(id) + " is in use");
        }
        // Asks for the leader at once; what follows leaves that to a look each second. Where the log begins would be
        // asked half a second later, so it is taken to begin at 0 until the broker says otherwise.
        const Topic topic(rd_kafka_topic_new(client_.get(), partition.topic.c_str(), nullptr));
        Queue queue(rd_kafka_queue_get_partition(client_.get(), partition.topic.c_str(), partition.partition));
        if (!queue) {
            return failure(Error::Code::invalid, "fetcher: no queue for " + partition.topic + " partition " +
                                                     std::to_string(partition.partition));
        }
        // Before the assignment: else its first records go to the consumer's queue.
        rd_kafka_queue_forward(queue.get(), nullptr);
        auto source = std::make_unique<Source>(id, partition, std::move(queue), arrivals_);
        rd_kafka_queue_cb_event_enable(
            source->queue.get(), [](rd_kafka_t*, void* opaque) { static_cast<Source*>(opaque)->arrived(); },
            source.get());
        source->guessed = offset == earliest;
        if (auto assigned = assign(partition, source->guessed ? 0 : offset); !assigned) {
            close(*source);
            return assigned;
        }
        // What an earlier assignment left in the queue would keep it from ever becoming non-empty: look once.
        source->arrived();
        sources_.emplace(id, std::move(source));
        return {};
    }

    // Not rd_kafka_seek_partitions: without waiting it reports no error, and a partition whose offset was out of
    // range, the case that matters most, refuses it.
    Result<void> seek(Id id, std::int64_t offset) override {
        const auto found = sources_.find(id);
        if (found == sources_.end()) return failure(Error::Code::not_found, "fetcher: seek of a stopped partition");
        return seek(*found->second, offset);
    }

    void stop(Id id) override {
        const auto found = sources_.find(id);
        if (found == sources_.end()) return;
        if (auto unassigned = unassign(found->second->partition); !unassigned) {
            troubles_.push_back({.error = unassigned.error()});
        }
        close(*found->second);
        sources_.erase(found);
    }

    bool take(Id id, std::size_t max, std::vector<Fetched>& out) override {
        const auto found = sources_.find(id);
        if (found == sources_.end()) return false;
        Source& source = *found->second;
        while (max > 0) {
            const std::size_t wanted = std::min(max, batch_.size());
            const std::size_t got = read(source, wanted);
            bool was_wrong = false;
            for (std::size_t i = 0; i < got; ++i) {
                Record record(batch_[i]);
                if (source.guessed && is_out_of_range(*batch_[i])) {
                    was_wrong = true;
                } else {
                    source.guessed = source.guessed && is_failure(*batch_[i]);
                    append(std::move(record), batch_[i], out);
                }
            }
            if (was_wrong) {
                if (auto sought = seek(source, earliest); !sought) out.emplace_back(Failed{sought.error()});
                return false;
            }
            for (auto& error : std::exchange(*callback_errors_, {})) out.emplace_back(Failed{std::move(error)});
            // Fewer than wanted: librdkafka saw the queue empty under its lock, so the next one is an arrival.
            if (got < wanted) return false;
            max -= got;
        }
        return true;
    }

    void ready(std::vector<Id>& out) override { arrivals_.take(out); }

    std::optional<std::int64_t> end(Id id) const override {
        const auto found = sources_.find(id);
        if (found == sources_.end()) return std::nullopt;
        const TopicPartition& partition = found->second->partition;
        std::int64_t start = RD_KAFKA_OFFSET_INVALID, end = RD_KAFKA_OFFSET_INVALID;
        rd_kafka_get_watermark_offsets(client_.get(), partition.topic.c_str(), partition.partition, &start, &end);
        if (end < 0) return std::nullopt;
        return end;
    }

    std::vector<ClientError> serve() override {
        while (const Event event{rd_kafka_queue_poll(events_.get(), 0)}) {
            if (auto error = client_error(client_.get(), event.get())) troubles_.push_back(std::move(*error));
        }
        return std::exchange(troubles_, {});
    }

private:
    Result<void> seek(Source& source, std::int64_t offset) {
        if (auto unassigned = unassign(source.partition); !unassigned) return unassigned;
        source.guessed = false;
        drain(source);
        auto assigned = assign(source.partition, offset);
        source.arrived();
        return assigned;
    }

    Result<void> assign(const TopicPartition& partition, std::int64_t offset) {
        const PartitionList list = list_of({partition});
        list->elems[0].offset = offset == earliest ? RD_KAFKA_OFFSET_BEGINNING : offset;
        if (const ApiError error{rd_kafka_incremental_assign(client_.get(), list.get())}) {
            return tl::unexpected(to_error(error.get(), "fetching " + partition.topic));
        }
        return {};
    }

    Result<void> unassign(const TopicPartition& partition) {
        const PartitionList list = list_of({partition});
        if (const ApiError error{rd_kafka_incremental_unassign(client_.get(), list.get())}) {
            return tl::unexpected(to_error(error.get(), "to stop fetching " + partition.topic));
        }
        return {};
    }

    // The callback is removed under the lock it is called under: none runs afterwards.
    void close(Source& source) {
        rd_kafka_queue_cb_event_enable(source.queue.get(), nullptr, nullptr);
        arrivals_.forget(source.id);
        drain(source);
    }

    // One message left behind would keep rd_kafka_destroy() waiting for ever.
    void drain(Source& source) {
        std::size_t got = 0;
        do {
            got = read(source, batch_.size());
            for (std::size_t i = 0; i < got; ++i) rd_kafka_message_destroy(batch_[i]);
        } while (got == batch_.size());
        callback_errors_->clear();  // of an assignment that is over
    }

    // Into batch_; at most `wanted`, without waiting.
    std::size_t read(Source& source, std::size_t wanted) {
        const auto got = rd_kafka_consume_batch_queue(source.queue.get(), 0, batch_.data(), wanted);
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }

    static bool is_out_of_range(const rd_kafka_message_t& message) {
        return message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
               message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    }

    static bool is_failure(const rd_kafka_message_t& message) {
        return message.err != RD_KAFKA_RESP_ERR_NO_ERROR && message.err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
    }

    static void append(Record record, const rd_kafka_message_t* message, std::vector<Fetched>& out) {
        if (is_out_of_range(*message)) {
            out.emplace_back(OffsetOutOfRange{rd_kafka_message_errstr(message)});
            return;
        }
        switch (message->err) {
            case RD_KAFKA_RESP_ERR_NO_ERROR: out.emplace_back(std::move(record)); return;
            case RD_KAFKA_RESP_ERR__PARTITION_EOF: out.emplace_back(ReachedEnd{message->offset}); return;
            default: out.emplace_back(Failed{to_error(message->err, rd_kafka_message_errstr(message))}); return;
        }
    }

    // Destroyed from below: the queues before their client, and that before what it calls back with.
    std::unique_ptr<CallbackErrors> callback_errors_;
    Client client_;
    Arrivals arrivals_;
    Queue events_;
    std::unordered_map<Id, std::unique_ptr<Source>> sources_;
    std::vector<ClientError> troubles_;
    std::array<rd_kafka_message_t*, 256> batch_{};
};

Settings owned_settings(const FetcherOptions& options) {
    constexpr std::size_t kib = 1024;
    // librdkafka counts its prefetch per queue, so per partition, and goes over it by at most one fetch.
    const auto partitions = static_cast<std::size_t>(std::max(options.expected_partitions, 1));
    const std::size_t per_partition = std::max(options.queued_bytes / partitions, 64 * kib);
    // A partition whose queue is full misses the next fetch, which may be one that waits for other partitions. So one
    // fetch does not fill it: a busy partition among idle ones is 25 times as fast for that. (It does where a
    // producer's batches are larger than the queue: about 20 of them a second.)
    const std::size_t per_fetch = std::min(per_partition / 4, 1024 * kib);
    // A record keeps the whole response that it came in. What is larger still comes, alone.
    const std::size_t per_response = std::max(per_fetch, 512 * kib);
    return {
        {"group.id", options.group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"isolation.level", options.read_committed ? "read_committed" : "read_uncommitted"},
        {"allow.auto.create.topics", "false"},
        {"topic.metadata.propagation.max.ms", "5000"},  // then a missing topic is an error
        {"check.crcs", "false"},  // true: librdkafka reads on behind a damaged batch, and its jobs would be lost
        {"receive.message.max.bytes", "120000000"},  // the largest payload, with its batch
        {"fetch.queue.backoff.ms", "10"},
        {"queued.min.messages", "4000"},
        {"queued.max.messages.kbytes", std::to_string(per_partition / kib)},
        {"fetch.message.max.bytes", std::to_string(per_fetch)},
        {"fetch.max.bytes", std::to_string(per_response)},
        {"message.max.bytes", std::to_string(per_response)},  // librdkafka raises fetch.max.bytes to it
        {"fetch.wait.max.ms", std::to_string(options.longest_wait.count())},
    };
}

}  // namespace

Result<std::unique_ptr<Fetcher>> Fetcher::create(const Settings& settings, const FetcherOptions& options,
                                                 Wakeup& wakeup) {
    auto configuration = configure(settings, owned_settings(options));
    if (!configuration) return tl::unexpected(configuration.error());
    rd_kafka_conf_set_events(configuration->get(), RD_KAFKA_EVENT_ERROR);
    auto callback_errors = std::make_unique<CallbackErrors>();
    rd_kafka_conf_set_opaque(configuration->get(), callback_errors.get());
    rd_kafka_conf_set_error_cb(configuration->get(), on_error);
    auto client = make_client(RD_KAFKA_CONSUMER, std::move(*configuration));
    if (!client) return tl::unexpected(client.error());
    return std::make_unique<LibrdkafkaFetcher>(std::move(callback_errors), std::move(*client), wakeup);
}

}  // namespace drover::kafka
