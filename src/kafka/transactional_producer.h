// Writes records in transactions: all of one become visible to readers, or none. acks=all, murmur2_random. Room: kafka.
//
// Of one transactional id there is one producer at a time: init() ends what an older one has under way, and from then
// on that one is fenced, wherever it runs.
//
//   create → init → (begin → produce… → commit or abort)…
//
// Owner thread: all calls from one thread. Calls block, at most `timeout`, produce() alone does not.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/kafka/producer.h"
#include "src/kafka/settings.h"

namespace drover::kafka {

// What to do about an Error.
enum class TransactionFault {
    retry,   // the same call again: it goes on where it was
    abort,   // abort(); what was in the transaction is not written, and may be tried in another
    fenced,  // a newer producer has the id: leave everything to it
    fatal,   // this producer is done for; whether a commit took effect is known once another has done init()
};

struct TransactionError {
    TransactionFault fault = TransactionFault::fatal;
    Error error;
    std::optional<std::size_t> message = {};  // the first of the transaction that could not be written, and this is why
};

template <class T>
using TransactionResult = tl::expected<T, TransactionError>;

struct TransactionalOptions {
    std::string transactional_id;
    // After so long without its producer a transaction is ended by the broker; readers of its topics wait till then.
    std::chrono::milliseconds transaction_timeout{10'000};
};

class TransactionalProducer {
public:
    static Result<std::unique_ptr<TransactionalProducer>> create(const Settings& settings,
                                                                 const TransactionalOptions& options);
    // Aborts what is under way, as far as Kafka answers within a second.
    virtual ~TransactionalProducer() = default;

    // Once, before anything else.
    virtual TransactionResult<void> init(std::chrono::milliseconds timeout) = 0;
    virtual TransactionResult<void> begin() = 0;
    // Everything is copied. A full queue is `retry`: as commit() empties it, put less into a transaction.
    virtual TransactionResult<void> produce(const Message& message) = 0;
    // When all is written. Where the records went, in their order.
    virtual TransactionResult<std::vector<Acknowledged>> commit(std::chrono::milliseconds timeout) = 0;
    virtual TransactionResult<void> abort(std::chrono::milliseconds timeout) = 0;
};

}  // namespace drover::kafka
