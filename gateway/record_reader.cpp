#include "gateway/record_reader.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <thread>

#include <boost/asio/post.hpp>

#include "src/kafka/fetcher.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 5s;
constexpr std::size_t most_waiting = 256;
constexpr std::size_t most_at_once = 100;
// What lies between two that are wanted is read, for a seek costs a fetch and its wait, up to so much of it.
constexpr std::int64_t worth_reading_through = 5000;
constexpr std::size_t bytes_worth_reading_through = 4 * 1024 * 1024;
constexpr auto longest_question = 30s;

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

    struct Question {  // see read_all()
        kafka::TopicPartition partition;
        std::vector<std::int64_t> offsets;
        Each each;
        ReadAll read_all;
    };

    void ask(Question question) {
        {
            const std::lock_guard lock(mutex_);
            if (questions_.size() < most_waiting) {
                questions_.push_back(std::move(question));
                wake_.notify_one();
                return;
            }
        }
        answer(question, failure(Error::Code::unavailable, "too many payloads are asked for", true));
    }

private:
    void answer(Question& question, Result<void> result) {
        boost::asio::post(owner_, [read_all = std::move(question.read_all), result = std::move(result),
                                   alive = std::weak_ptr(alive_)] {
            if (alive.lock()) read_all(result);
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
            Result<void> read = look_up(question, stop);
            if (!read) fetcher_.reset();  // its successor may do better
            answer(question, std::move(read));
        }
    }

    Result<void> look_up(const Question& question, const std::stop_token& stop) {
        if (!fetcher_) {
            auto fetcher = kafka::Fetcher::create(
                settings_, {.queued_bytes = 1024 * 1024, .expected_partitions = 1, .group = "drover.gateway"}, wakeup_);
            if (!fetcher) return tl::unexpected(fetcher.error());
            fetcher_ = std::move(*fetcher);
        }
        const kafka::Fetcher::Id id = ++last_id_;
        if (auto started = fetcher_->start(id, question.partition, question.offsets.front()); !started) return started;
        Result<void> read = read_on(id, question, stop);
        fetcher_->stop(id);
        return read;
    }

    Result<void> read_on(kafka::Fetcher::Id id, const Question& question, const std::stop_token& stop) {
        std::span<const std::int64_t> wanted = question.offsets;
        bool from_beginning = false;
        std::size_t passed_bytes = 0;
        std::string trouble;
        const auto last = Clock::now() + longest_question;
        for (auto end = Clock::now() + patience; Clock::now() < std::min(end, last) && !stop.stop_requested();) {
            wakeup_.clear();
            for (const kafka::ClientError& each : fetcher_->serve()) trouble = each.error.message;
            std::vector<kafka::Fetcher::Fetched> fetched;
            fetcher_->take(id, most_at_once, fetched);
            for (const kafka::Fetcher::Fetched& each : fetched) {
                if (const auto* record = std::get_if<kafka::Record>(&each)) {
                    const std::int64_t offset = record->offset();
                    if (std::exchange(from_beginning, false) && offset < wanted.front()) return {};  // past the end
                    wanted = wanted.subspan(static_cast<std::size_t>(std::ranges::lower_bound(wanted, offset) -
                                                                     wanted.begin()));  // the ones before are gone
                    if (!wanted.empty() && wanted.front() == offset) {
                        question.each(offset, copy_of(*record));
                        wanted = wanted.subspan(1);
                        passed_bytes = 0;
                    }
                    if (wanted.empty()) return {};
                    end = Clock::now() + patience;
                    passed_bytes += record->value().value_or("").size();
                    const bool is_far = wanted.front() - offset > worth_reading_through ||
                                        (wanted.front() > offset + 1 && passed_bytes > bytes_worth_reading_through);
                    if (!is_far) continue;
                    passed_bytes = 0;
                    if (auto sought = fetcher_->seek(id, wanted.front()); !sought) return sought;
                    break;  // what else was taken lies before it
                }
                if (const auto* failed = std::get_if<kafka::Fetcher::Failed>(&each)) {
                    if (failed->error.code == Error::Code::not_found) return {};
                    trouble = failed->error.message;
                    continue;
                }
                // The first ones are gone, or it is past the end: what stands at the beginning tells.
                if (std::holds_alternative<kafka::Fetcher::OffsetOutOfRange>(each) && !from_beginning) {
                    from_beginning = true;
                    fetcher_->stop(id);
                    if (auto again = fetcher_->start(id, question.partition, kafka::Fetcher::earliest); !again)
                        return again;
                    break;
                }
                return {};  // it has reached the end
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
    const auto found = std::make_shared<std::optional<StoredRecord>>();
    read_all(
        std::move(partition), {offset}, [found](std::int64_t, StoredRecord record) { *found = std::move(record); },
        [found, done = std::move(done)](const Result<void>& read) {
            if (!read) return done(tl::unexpected(read.error()));
            if (!*found) return done(tl::unexpected(gone()));
            done(std::move(**found));
        });
}

void RecordReader::read_all(kafka::TopicPartition partition, std::vector<std::int64_t> offsets, Each each,
                            ReadAll read_all) {
    worker_->ask({std::move(partition), std::move(offsets), std::move(each), std::move(read_all)});
}

}  // namespace drover::gateway
