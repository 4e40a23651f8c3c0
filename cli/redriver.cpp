#include "cli/redriver.h"

#include <algorithm>

#include "src/jobqueue/control.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_in_flight = 1000;
constexpr auto between_reports = 5s;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

Result<std::unique_ptr<Redriver>> Redriver::create(const kafka::Settings& settings, Order order) {
    std::unique_ptr<Redriver> redriver(new Redriver(std::move(order)));
    auto writer = RecordWriter::create(settings);
    if (!writer) return tl::unexpected(writer.error());
    redriver->writer_ = std::move(*writer);
    return redriver;
}

bool Redriver::send(const LetterRecord& record, const RedrivenJob& job, const std::string& job_run) {
    const LetterPlace place{record.partition, record.offset};
    if (const auto same = sent_.find(job_run); same != sent_.end()) {
        same->second.letters.push_back(place);
        if (same->second.acknowledged) mark(same->second);
        return !outcome_.first_error;
    }
    if (!wait_for_turn()) return false;
    const std::uint64_t token = next_token_++;
    sent_.emplace(job_run, Sent{.id = job.id, .topic = job.topic, .run = job.run, .letters = {place}});
    jobs_.emplace(token, job_run);
    const std::optional<std::string_view> value =
        job.edited ? std::optional<std::string_view>(*job.edited) : record.value;
    const auto queued = produce({.topic = job.topic, .key = record.key, .value = value, .headers = job.headers}, token);
    if (!queued) {
        jobs_.erase(token);
        job_delivered(job_run, tl::unexpected(queued.error()));
    }
    return !outcome_.first_error;
}

// Within the rate, and not too many under way.
bool Redriver::wait_for_turn() {
    for (;;) {
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_at_ - Clock::now());
        const bool room = writer_->in_flight() < most_in_flight;
        take(room ? std::clamp<std::chrono::milliseconds>(wait, 0ms, 100ms) : 100ms);
        report_progress();
        if (outcome_.first_error || (order_.stopped && order_.stopped())) return false;
        if (Clock::now() >= next_at_ && writer_->in_flight() < most_in_flight) break;
    }
    if (order_.per_second) {
        const auto interval = std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(1 / std::max(*order_.per_second, 1e-6)));
        next_at_ = std::max(next_at_ + interval, Clock::now());
    }
    return true;
}

Result<void> Redriver::produce(const kafka::Message& message, std::uint64_t token) {
    for (;;) {
        Result<void> queued = writer_->produce(message, token);
        if (queued || !queued.error().retryable) return queued;
        take(100ms);
    }
}

void Redriver::take(std::chrono::milliseconds time) {
    for (const kafka::Delivery& delivery : writer_->wait_some(time)) {
        if (const auto job = jobs_.extract(delivery.token))
            job_delivered(job.mapped(), delivery.outcome);
        else if (!delivery.outcome)
            mark_failed(writer_->explained(delivery.outcome.error()));
    }
}

void Redriver::job_delivered(const std::string& job_run, const Result<kafka::Acknowledged>& outcome) {
    Sent& sent = sent_.at(job_run);
    if (outcome) {
        sent.acknowledged = true;
        ++outcome_.jobs;
        return mark(sent);
    }
    if (outcome.error().code == Error::Code::too_large) {
        outcome_.too_large.emplace_back(sent.id, outcome.error());
    } else {
        ++outcome_.failed;
        if (!outcome_.first_error) outcome_.first_error = writer_->explained(outcome.error());
    }
    sent_.erase(job_run);
}

void Redriver::mark(Sent& sent) {
    // produce() may come back here with the delivery of another job.
    for (const LetterPlace& place : std::exchange(sent.letters, {})) {
        const jobqueue::ControlMessage message =
            jobqueue::control_message(jobqueue::control::Redriven{.topic = order_.dead_letters,
                                                                  .partition = place.first,
                                                                  .offset = place.second,
                                                                  .job_id = sent.id,
                                                                  .run = sent.run,
                                                                  .to = sent.topic,
                                                                  .by = order_.by,
                                                                  .at = now()});
        const auto queued = produce(
            {.topic = order_.control, .key = message.key, .value = message.value, .headers = {}}, next_token_++);
        if (!queued) mark_failed(queued.error());
    }
}

void Redriver::mark_failed(const Error& error) {
    ++outcome_.unmarked;
    if (!outcome_.first_error) outcome_.first_error = error;
}

void Redriver::report_progress() {
    if (!order_.progress || Clock::now() - reported_at_ < between_reports) return;
    reported_at_ = Clock::now();
    order_.progress(outcome_.jobs);
}

Redriver::Outcome Redriver::finish() {
    while (writer_->in_flight() > 0) take(100ms);
    return outcome_;
}

}  // namespace drover::cli
