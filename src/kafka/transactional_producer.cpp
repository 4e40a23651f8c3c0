#include "src/kafka/transactional_producer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/kafka/client.h"
#include "src/kafka/sending.h"

namespace drover::kafka {
namespace {

constexpr int last_abort_millis = 1000;

void* to_opaque(std::size_t index) { return reinterpret_cast<void*>(index); }  // NOLINT(performance-no-int-to-ptr)

bool is_fenced(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

TransactionFault fault_of(const rd_kafka_error_t* error) {
    if (is_fenced(rd_kafka_error_code(error))) return TransactionFault::fenced;
    if (rd_kafka_error_is_fatal(error) != 0) return TransactionFault::fatal;
    if (rd_kafka_error_txn_requires_abort(error) != 0) return TransactionFault::abort;
    if (rd_kafka_error_is_retriable(error) != 0) return TransactionFault::retry;
    return TransactionFault::fatal;
}

class LibrdkafkaTransactionalProducer final : public TransactionalProducer {
public:
    Result<void> open(const Settings& settings, const TransactionalOptions& options) {
        Settings owned = sender_settings(std::chrono::milliseconds{5});
        const std::string limit = std::to_string(options.transaction_timeout.count());
        owned["transactional.id"] = options.transactional_id;
        owned["transaction.timeout.ms"] = limit;
        owned["message.timeout.ms"] = limit;
        owned["socket.timeout.ms"] = limit;
        owned["topic.metadata.propagation.max.ms"] = "1000";  // a missing topic holds the others of its transaction up
        auto configuration = configure(settings, owned);
        if (!configuration) return tl::unexpected(configuration.error());
        // Callbacks, of which there are only those that commit() and abort() serve: events would need another thread.
        rd_kafka_conf_set(configuration->get(), "log.queue", "false", nullptr, 0);
        rd_kafka_conf_set_opaque(configuration->get(), this);
        rd_kafka_conf_set_dr_msg_cb(configuration->get(),
                                    [](rd_kafka_t*, const rd_kafka_message_t* report, void* self) {
                                        static_cast<LibrdkafkaTransactionalProducer*>(self)->on_report(*report);
                                    });
        rd_kafka_conf_set_error_cb(configuration->get(), [](rd_kafka_t*, int code, const char* reason, void* self) {
            if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {  // the others say why
                static_cast<LibrdkafkaTransactionalProducer*>(self)->trouble_ = reason;
            }
        });
        auto client = make_client(RD_KAFKA_PRODUCER, std::move(*configuration));
        if (!client) return tl::unexpected(client.error());
        client_ = std::move(*client);
        return {};
    }

    ~LibrdkafkaTransactionalProducer() override {
        if (!client_) return;
        if (in_transaction_ && rd_kafka_fatal_error(client_.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            [[maybe_unused]] const ApiError left{rd_kafka_abort_transaction(client_.get(), last_abort_millis)};
        }
        rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }

    TransactionResult<void> init(std::chrono::milliseconds timeout) override {
        return answer(rd_kafka_init_transactions(client_.get(), static_cast<int>(timeout.count())),
                      "a transactional id was asked for");
    }

    TransactionResult<void> begin() override {
        TransactionResult<void> begun = answer(rd_kafka_begin_transaction(client_.get()), "a transaction was begun");
        if (begun) in_transaction_ = true;
        reports_.clear();
        failed_.reset();
        return begun;
    }

    TransactionResult<void> produce(const Message& message) override {
        const std::size_t index = reports_.size();
        ApiError error = send(client_.get(), message, to_opaque(index), topic_);
        if (!error) {
            reports_.emplace_back();
            return {};
        }
        const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return answer(error.release(), topic_);
        if (code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__FATAL) return commit_fault();
        return tl::unexpected(TransactionError{TransactionFault::abort, to_error(error.get(), topic_), index});
    }

    TransactionResult<std::vector<Acknowledged>> commit(std::chrono::milliseconds timeout) override {
        const TransactionResult<void> done =
            answer(rd_kafka_commit_transaction(client_.get(), static_cast<int>(timeout.count())),
                   "a transaction was committed");
        if (!done) return tl::unexpected(done.error());
        in_transaction_ = false;
        return std::exchange(reports_, {});
    }

    TransactionResult<void> abort(std::chrono::milliseconds timeout) override {
        TransactionResult<void> done = answer(
            rd_kafka_abort_transaction(client_.get(), static_cast<int>(timeout.count())), "a transaction was aborted");
        if (done) in_transaction_ = false;
        return done;
    }

private:
    struct Failed {
        std::size_t index = 0;
        Error error;
    };

    void on_report(const rd_kafka_message_t& report) {
        const auto index = reinterpret_cast<std::size_t>(report._private);
        Result<Acknowledged> outcome = outcome_of(report);
        if (outcome) {
            reports_.at(index) = *outcome;
        } else if (report.err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && report.err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT &&
                   (!failed_ || index < failed_->index)) {  // purged are those that had nothing wrong
            failed_ = Failed{index, std::move(outcome.error())};
        }
    }

    // Something was wrong before: what, a commit says at once.
    TransactionResult<void> commit_fault() {
        return answer(rd_kafka_commit_transaction(client_.get(), 0), "a transaction was begun");
    }

    // Takes what a call returned.
    TransactionResult<void> answer(rd_kafka_error_t* returned, std::string_view what) {
        const ApiError error{returned};
        rd_kafka_poll(client_.get(), 0);  // what librdkafka said of the brokers
        if (!error) {
            trouble_.clear();
            return {};
        }
        TransactionError result{fault_of(error.get()), to_error(error.get(), what), {}};
        if (result.fault == TransactionFault::abort && failed_) {
            result.message = failed_->index;
            result.error = failed_->error;
        } else if (result.fault == TransactionFault::retry && !trouble_.empty()) {
            result.error.message += " (" + trouble_ + ")";
        }
        result.error.retryable = result.fault == TransactionFault::retry || result.fault == TransactionFault::abort;
        if (result.fault == TransactionFault::fenced) result.error.code = Error::Code::conflict;
        return tl::unexpected(std::move(result));
    }

    std::vector<Acknowledged> reports_;  // by the order of their produce()
    std::optional<Failed> failed_;
    std::string trouble_;
    std::string topic_;
    bool in_transaction_ = false;
    Client client_;  // the last: its callbacks use what is above
};

}  // namespace

Result<std::unique_ptr<TransactionalProducer>> TransactionalProducer::create(const Settings& settings,
                                                                             const TransactionalOptions& options) {
    auto producer = std::make_unique<LibrdkafkaTransactionalProducer>();
    if (Result<void> opened = producer->open(settings, options); !opened) return tl::unexpected(opened.error());
    return producer;
}

}  // namespace drover::kafka
