// Looks records up in Kafka by where they stand. Room: gateway.
//
// It has a thread of its own, which asks for one after the other; answers are posted to the owner's executor. The
// destructor waits for the question under way, at most 5 s. Where Kafka sends nothing for so long, or a question takes
// more than 30 s, that is an error.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "src/base/field.h"
#include "src/base/result.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

struct StoredRecord {
    std::optional<std::string> key, value;  // nothing: null
    std::vector<Field> headers;
};

class RecordReader {
public:
    RecordReader(kafka::Settings settings, boost::asio::any_io_executor owner);
    ~RecordReader();

    // Errors: `not_found`: Kafka has it no more; `unavailable` or `timeout`, retryable: Kafka is away, or too many
    // wait.
    using Done = std::function<void(Result<StoredRecord>)>;
    void read(kafka::TopicPartition partition, std::int64_t offset, Done done);

    // `each` is called by the reader's thread, for those of `offsets` (ascending, at least one) that Kafka still has,
    // and then `read_all` by the owner. Errors: `unavailable` or `timeout`, as above.
    using Each = std::function<void(std::int64_t offset, StoredRecord)>;
    using ReadAll = std::function<void(Result<void>)>;
    void read_all(kafka::TopicPartition partition, std::vector<std::int64_t> offsets, Each each, ReadAll read_all);

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace drover::gateway
