// Writes one partition's transactions, in a thread that waits for Kafka. Room: gateway/scheduler.
//
// At its start, and after a fatal error, it makes a producer with the partition's transactional id, which fences off
// all older ones, and writes a mark. Whoever has read that mark has read all that was written before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "gateway/core/delayed_record.h"
#include "src/base/result.h"
#include "src/kafka/settings.h"
#include "src/kafka/transactional_producer.h"

namespace drover::gateway {

struct Outbound {
    std::string topic;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<Field> headers;
    std::optional<int> partition;  // nothing: by its key
};

namespace dispatch {
struct Open {  // also instead of the answer to a batch: whether it was written is known once the mark was read
    std::string mark;
};
struct Written {};
struct Refused {  // nothing of it was written
    Error error;
    std::optional<std::size_t> record;  // the first that was refused
};
struct Fenced {};  // the last answer: somebody else has the partition
struct Trouble {   // it goes on trying
    Error error;
};
}  // namespace dispatch
using DispatchAnswer =
    std::variant<dispatch::Open, dispatch::Written, dispatch::Refused, dispatch::Fenced, dispatch::Trouble>;

class Dispatcher {
public:
    struct Target {
        kafka::Settings kafka;
        std::string transactional_id;
        std::string topic;
        int partition = 0;
        std::string name;  // different in every process and dispatcher
    };
    using Steady = std::chrono::steady_clock::time_point;
    struct News {
        DispatchAnswer answer;
        std::optional<Time> written_at;  // by the broker
        Steady heard_at{};
    };

    // `notify` is called from its thread when there are news.
    Dispatcher(Target target, std::function<void()> notify);
    ~Dispatcher();  // waits for the thread; a transaction under way is aborted

    // One at a time: an answer comes before the next. Only when it is open.
    void write(std::vector<Outbound> batch);
    std::vector<News> take();

    void stop();
    bool has_ended() const;  // after stop() or Fenced: the destructor will not wait

private:
    void run();
    bool open();  // false: stopped or fenced
    bool handle(const std::vector<Outbound>& batch);
    kafka::TransactionResult<Time> attempt(const std::vector<Outbound>& batch);
    void tell(DispatchAnswer answer, std::optional<Time> written_at = {});
    bool stopped() const;
    void pause();

    const Target target_;
    const std::function<void()> notify_;
    std::unique_ptr<kafka::TransactionalProducer> producer_;
    int opened_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<std::vector<Outbound>> batch_;  // these under the mutex
    std::vector<News> news_;
    bool stop_ = false;
    bool ended_ = false;

    std::jthread thread_;  // the last
};

}  // namespace drover::gateway
