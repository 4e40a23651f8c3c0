// Looks single records up in Kafka by where they stand. Room: gateway.
//
// It has a thread of its own, which asks for one after the other; answers are posted to the owner's executor. The
// destructor waits for the question under way, at most 5 s.
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

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace drover::gateway
