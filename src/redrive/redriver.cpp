#include "src/redrive/redriver.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>
#include <variant>

#include "src/jobqueue/control.h"
#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"

namespace drover::redrive {
namespace {

using kafka::TransactionFault;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto slice = 1000ms;  // so long a call waits before it looks whether to stop
constexpr auto after_trouble = 200ms;
constexpr auto ask_patience = 5s;

// That a letter which can never be was not redriven: true, and a record of the topic's own kind, so that no reader of
// any version complains.
jobqueue::ControlMessage first_word(const std::string& dead_letters) {
    return jobqueue::control_message(jobqueue::control::Redriven{.topic = dead_letters,
                                                                 .partition = 0,
                                                                 .offset = std::numeric_limits<std::int64_t>::max(),
                                                                 .redriven = false,
                                                                 .job_id = {},
                                                                 .run = 0,
                                                                 .to = {},
                                                                 .by = {},
                                                                 .at = {}});
}

kafka::Message message_of(const Record& record) {
    return {.topic = record.topic,
            .key = record.key,
            .value = record.value,
            .headers = record.headers,
            .partition = record.partition,
            .partition_key = {}};
}

// Of the control topic from `read_to` on; negative: all of it.
Result<void> read_marks(const kafka::Settings& kafka, const Redriver::Queue& queue, std::int64_t& read_to,
                        std::set<letters::LetterPlace>& redriven, std::chrono::milliseconds patience,
                        const std::function<bool()>& stopped) {
    const auto admin = kafka::Admin::connect(kafka, ask_patience);
    if (!admin) return tl::unexpected(admin.error());
    kafka::LogReading reading{.patience = patience, .group = queue.group, .from = {}, .stopped = stopped};
    if (read_to >= 0) reading.from[{queue.control, 0}] = read_to;
    return kafka::read_log(kafka, **admin, {queue.control}, reading, [&](const kafka::Record& record) {
        read_to = record.offset() + 1;
        const auto parsed = jobqueue::parse_control(record.key(), record.value());
        if (!parsed) return;  // somebody else's words
        const auto* mark = std::get_if<jobqueue::control::Redriven>(&*parsed);
        if (mark == nullptr || mark->topic != queue.dead_letters) return;
        const letters::LetterPlace place{mark->partition, mark->offset};
        if (mark->redriven)
            redriven.insert(place);
        else
            redriven.erase(place);
    });
}

}  // namespace

Redriver::Redriver(kafka::Settings kafka, Queue queue, std::function<bool()> stopped)
    : kafka_(std::move(kafka)), queue_(std::move(queue)), stopped_(std::move(stopped)) {}

bool Redriver::gives_up(Clock::time_point until) const { return Clock::now() >= until || (stopped_ && stopped_()); }

Result<void> Redriver::open(std::chrono::milliseconds patience) {
    const Clock::time_point until = Clock::now() + patience;
    for (;;) {
        producer_.reset();
        Result<void> opened = try_open(until);
        if (opened || !opened.error().retryable || gives_up(until)) return opened;
        std::this_thread::sleep_for(after_trouble);
    }
}

Result<void> Redriver::try_open(Clock::time_point until) {
    auto made =
        kafka::TransactionalProducer::create(kafka_, {.transactional_id = "drover.redrive-" + queue_.dead_letters});
    if (!made) return tl::unexpected(made.error());
    producer_ = std::move(*made);
    kafka::TransactionResult<void> done = producer_->init(slice);
    while (!done && done.error().fault == TransactionFault::retry && !gives_up(until)) done = producer_->init(slice);
    jobqueue::ControlMessage word = first_word(queue_.dead_letters);
    kafka::TransactionResult<std::vector<kafka::Acknowledged>> written =
        done ? attempt({{queue_.control, std::move(word.key), std::move(word.value), {}}}, until)
             : tl::unexpected(done.error());
    if (written) {
        first_word_ = written->front().offset;
        ++generation_;
        return {};
    }
    producer_.reset();
    Error error = written.error().error;
    // Fenced off while it opens: two try, and one is the last.
    error.retryable = error.retryable || written.error().fault == TransactionFault::fenced ||
                      written.error().fault == TransactionFault::retry;
    return tl::unexpected(std::move(error));
}

Result<const std::set<letters::LetterPlace>*> Redriver::redriven(std::chrono::milliseconds patience) {
    const Clock::time_point until = Clock::now() + patience;
    while (read_to_ <= first_word_) {
        const auto read = read_marks(kafka_, queue_, read_to_, redriven_, patience, stopped_);
        if (!read) return tl::unexpected(read.error());
        if (read_to_ > first_word_) break;
        // Somebody's transaction is open before our first word.
        if (gives_up(until)) {
            return failure(Error::Code::timeout, "the end of " + queue_.control + " cannot be read yet", true);
        }
        std::this_thread::sleep_for(after_trouble);
    }
    return &redriven_;
}

tl::expected<void, WriteError> Redriver::write(const std::vector<Record>& records,
                                               const std::vector<letters::LetterPlace>& marked) {
    if (!producer_) {
        return tl::unexpected(
            WriteError{WriteFault::lost, {Error::Code::internal, "the redriver is not open", true}, {}});
    }
    const auto written = attempt(records, std::nullopt);
    if (written) {
        redriven_.insert(marked.begin(), marked.end());
        return {};
    }
    const kafka::TransactionError& error = written.error();
    if (error.fault == TransactionFault::abort && aborted()) {
        return tl::unexpected(WriteError{WriteFault::refused, error.error, error.message});
    }
    producer_.reset();
    Error told = error.error;
    told.retryable = true;
    return tl::unexpected(WriteError{WriteFault::lost, std::move(told), {}});
}

bool Redriver::aborted() {
    kafka::TransactionResult<void> done = producer_->abort(slice);
    while (!done && done.error().fault == TransactionFault::retry && !(stopped_ && stopped_()))
        done = producer_->abort(slice);
    return done.has_value();
}

// A fault `retry` only where somebody asked to stop, or `until` is over.
kafka::TransactionResult<std::vector<kafka::Acknowledged>> Redriver::attempt(const std::vector<Record>& records,
                                                                             std::optional<Clock::time_point> until) {
    if (const auto begun = producer_->begin(); !begun) return tl::unexpected(begun.error());
    for (const Record& each : records) {
        const auto taken = producer_->produce(message_of(each));
        if (taken) continue;
        kafka::TransactionError error = taken.error();
        if (error.fault == TransactionFault::retry) error.fault = TransactionFault::abort;  // it is too much
        return tl::unexpected(std::move(error));
    }
    auto done = producer_->commit(slice);
    while (!done && done.error().fault == TransactionFault::retry &&
           !gives_up(until.value_or(Clock::time_point::max())))
        done = producer_->commit(slice);
    return done;
}

Result<std::set<letters::LetterPlace>> read_redriven(const kafka::Settings& kafka, const Redriver::Queue& queue,
                                                     std::chrono::milliseconds patience,
                                                     const std::function<bool()>& stopped) {
    std::set<letters::LetterPlace> redriven;
    std::int64_t read_to = -1;
    const Result<void> read = read_marks(kafka, queue, read_to, redriven, patience, stopped);
    if (!read) return tl::unexpected(read.error());
    return redriven;
}

std::vector<Record> redriven_records(const letters::LetterRecord& letter, const letters::RedrivenJob& job,
                                     const Redriver::Queue& queue, const std::vector<letters::LetterPlace>& places,
                                     const std::string& by, Time now) {
    const auto copy = [](const std::optional<std::string_view>& bytes) {
        return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
    };
    std::vector<Record> records;
    records.push_back({job.topic, copy(letter.key), job.edited ? job.edited : copy(letter.value), job.headers});
    for (const auto& [partition, offset] : places) {
        jobqueue::ControlMessage mark =
            jobqueue::control_message(jobqueue::control::Redriven{.topic = queue.dead_letters,
                                                                  .partition = partition,
                                                                  .offset = offset,
                                                                  .job_id = job.id,
                                                                  .run = job.run,
                                                                  .to = job.topic,
                                                                  .by = by,
                                                                  .at = now});
        records.push_back({queue.control, std::move(mark.key), std::move(mark.value), {}});
    }
    return records;
}

}  // namespace drover::redrive
