#include "gateway/record_reader.h"

#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <boost/asio/post.hpp>

#include "src/kafka/fetcher.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 5s;
constexpr std::size_t most_waiting = 256;

Error gone() { return {.code = Error::Code::not_found, .message = "Kafka does not have the job's record any more"}; }

StoredRecord copy_of(const kafka::Record& record) {
    StoredRecord stored;
    if (record.key()) stored.key = std::string(*record.key());
    if (record.value()) stored.value = std::string(*record.value());
    std::vector<FieldView> headers;
    record.headers(headers);
    for (const FieldView& each : headers) stored.headers.push_back({std::string(each.name), std::string(each.value)});
    return stored;
}

}  // namespace

class RecordReader::Worker {
public:
    Worker(kafka::Settings settings, boost::asio::any_io_executor owner)
        : settings_(std::move(settings)),
          owner_(std::move(owner)),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    void read(kafka::TopicPartition partition, std::int64_t offset, Done done) {
        {
            const std::lock_guard lock(mutex_);
            if (questions_.size() < most_waiting) {
                questions_.push_back({std::move(partition), offset, std::move(done)});
                wake_.notify_one();
                return;
            }
        }
        answer(std::move(done), failure(Error::Code::unavailable, "too many payloads are asked for", true));
    }

private:
    struct Question {
        kafka::TopicPartition partition;
        std::int64_t offset = 0;
        Done done;
    };

    void answer(Done done, Result<StoredRecord> found) {
        boost::asio::post(owner_, [done = std::move(done), found = std::move(found), alive = std::weak_ptr(alive_)] {
            if (alive.lock()) done(found);
        });
    }

    void run(const std::stop_token& stop) {
        for (;;) {
            Question question;
            {
                std::unique_lock lock(mutex_);
                if (!wake_.wait(lock, stop, [this] { return !questions_.empty(); })) return;
                question = std::move(questions_.front());
                questions_.pop_front();
            }
            Result<StoredRecord> found = find(question, stop);
            if (!found && found.error().code != Error::Code::not_found)
                fetcher_.reset();  // its successor may do better
            answer(std::move(question.done), std::move(found));
        }
    }

    Result<StoredRecord> find(const Question& question, const std::stop_token& stop) {
        if (!fetcher_) {
            auto fetcher = kafka::Fetcher::create(
                settings_, {.queued_bytes = 1024 * 1024, .expected_partitions = 1, .group = "drover.gateway"}, wakeup_);
            if (!fetcher) return tl::unexpected(fetcher.error());
            fetcher_ = std::move(*fetcher);
        }
        const kafka::Fetcher::Id id = ++last_id_;
        if (Result<void> started = fetcher_->start(id, question.partition, question.offset); !started) {
            return tl::unexpected(started.error());
        }
        Result<StoredRecord> found = wait_for(id, question.offset, stop);
        fetcher_->stop(id);
        return found;
    }

    Result<StoredRecord> wait_for(kafka::Fetcher::Id id, std::int64_t offset, const std::stop_token& stop) {
        std::string trouble;
        for (const auto end = Clock::now() + patience; Clock::now() < end && !stop.stop_requested();) {
            wakeup_.clear();
            for (const kafka::ClientError& each : fetcher_->serve()) trouble = each.error.message;
            std::vector<kafka::Fetcher::Fetched> fetched;
            fetcher_->take(id, 1, fetched);
            for (const kafka::Fetcher::Fetched& each : fetched) {
                if (const auto* record = std::get_if<kafka::Record>(&each)) {
                    if (record->offset() == offset) return copy_of(*record);
                    return tl::unexpected(gone());
                }
                if (const auto* failed = std::get_if<kafka::Fetcher::Failed>(&each)) {
                    if (failed->error.code == Error::Code::not_found) return tl::unexpected(gone());
                    trouble = failed->error.message;
                    continue;
                }
                return tl::unexpected(gone());  // it is past the end, or before the beginning
            }
            if (!fetched.empty()) continue;
            pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
            ::poll(&readable, 1, 100);
        }
        return failure(Error::Code::timeout, "Kafka sends nothing" + (trouble.empty() ? "" : ": " + trouble), true);
    }

    const kafka::Settings settings_;
    const boost::asio::any_io_executor owner_;
    const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<Question> questions_;  // with the lock

    kafka::Wakeup wakeup_;  // of the thread, as the next ones
    std::unique_ptr<kafka::Fetcher> fetcher_;
    kafka::Fetcher::Id last_id_ = 0;
    std::jthread thread_;  // last: it uses all of the above
};

RecordReader::RecordReader(kafka::Settings settings, boost::asio::any_io_executor owner)
    : worker_(std::make_unique<Worker>(std::move(settings), std::move(owner))) {}

RecordReader::~RecordReader() = default;

void RecordReader::read(kafka::TopicPartition partition, std::int64_t offset, Done done) {
    worker_->read(std::move(partition), offset, std::move(done));
}

}  // namespace drover::gateway
