#include "cli/redriver.h"

#include <algorithm>
#include <thread>

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using redrive::WriteFault;

constexpr std::size_t most_in_batch = 500;
constexpr std::size_t most_batch_bytes = 4 << 20;
constexpr auto longest_batch = 200ms;
constexpr auto between_reports = 5s;
constexpr auto patience = 15s;  // somebody is waiting

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

LetterSender::LetterSender(const kafka::Settings& settings, Order order)
    : order_(std::move(order)), redriver_(settings, order_.queue) {}

Result<std::unique_ptr<LetterSender>> LetterSender::create(const kafka::Settings& settings, Order order) {
    std::unique_ptr<LetterSender> sender(new LetterSender(settings, std::move(order)));
    if (Result<void> done = sender->take_over(); !done) return tl::unexpected(done.error());
    return sender;
}

Result<void> LetterSender::take_over() {
    if (Result<void> opened = redriver_.open(patience); !opened) return opened;
    const auto redriven = redriver_.redriven(patience);
    if (!redriven) return tl::unexpected(redriven.error());
    redriven_ = *redriven;
    return {};
}

bool LetterSender::send(const letters::LetterRecord& record, const letters::RedrivenJob& job,
                        const std::vector<letters::LetterPlace>& others) {
    std::vector<letters::LetterPlace> places{{record.partition, record.offset}};
    places.insert(places.end(), others.begin(), others.end());
    if (std::ranges::any_of(places, [this](const auto& place) { return redriven_->contains(place); })) {
        ++outcome_.meanwhile;
        return true;
    }
    if (!wait_for_turn()) return false;
    std::vector<redrive::Record> records =
        redrive::redriven_records(record, job, order_.queue, places, order_.by, now());
    batch_bytes_ += records.front().value.value_or("").size();
    batch_.push_back({job.id, std::move(places), std::move(records)});
    const bool is_full = batch_.size() >= most_in_batch || batch_bytes_ >= most_batch_bytes;
    if (is_full || Clock::now() - flushed_at_ > longest_batch) flush();
    return !outcome_.first_error;
}

bool LetterSender::wait_for_turn() {
    for (;;) {
        report_progress();
        if (outcome_.first_error || (order_.stopped && order_.stopped())) return false;
        if (Clock::now() >= next_at_) break;
        if (next_at_ - Clock::now() > 20ms) flush();
        std::this_thread::sleep_for(std::clamp<Clock::duration>(next_at_ - Clock::now(), 0ms, 100ms));
    }
    if (order_.per_second) {
        const auto interval = std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(1 / std::max(*order_.per_second, 1e-6)));
        next_at_ = std::max(next_at_ + interval, Clock::now());
    }
    return true;
}

void LetterSender::flush() {
    while (!batch_.empty() && !outcome_.first_error) {
        std::vector<redrive::Record> records;
        std::vector<letters::LetterPlace> places;
        std::vector<std::size_t> job_of;  // of each record
        for (std::size_t i = 0; i < batch_.size(); ++i) {
            records.insert(records.end(), batch_[i].records.begin(), batch_[i].records.end());
            places.insert(places.end(), batch_[i].places.begin(), batch_[i].places.end());
            job_of.resize(records.size(), i);
        }
        const auto written = redriver_.write(records, places);
        if (written) {
            outcome_.jobs += static_cast<std::int64_t>(batch_.size());
            batch_.clear();
            break;
        }
        const redrive::WriteError& error = written.error();
        if (error.fault == WriteFault::lost) {  // what became of it is known when we have taken over again
            if (Result<void> again = take_over(); !again) {
                outcome_.first_error = again.error();
                break;
            }
            const auto done = std::erase_if(batch_, [this](const Job& job) {
                return std::ranges::any_of(job.places, [this](const auto& each) { return redriven_->contains(each); });
            });
            outcome_.jobs += static_cast<std::int64_t>(done);
        } else if (error.error.code == Error::Code::too_large && error.record) {
            const std::size_t job = job_of[*error.record];
            outcome_.too_large.emplace_back(batch_[job].id, error.error);
            batch_.erase(batch_.begin() + static_cast<std::ptrdiff_t>(job));
        } else {
            outcome_.first_error = error.error;
        }
    }
    outcome_.failed += static_cast<std::int64_t>(batch_.size());
    batch_.clear();
    batch_bytes_ = 0;
    flushed_at_ = Clock::now();
}

void LetterSender::report_progress() {
    if (!order_.progress || Clock::now() - reported_at_ < between_reports) return;
    reported_at_ = Clock::now();
    order_.progress(outcome_.jobs);
}

LetterSender::Outcome LetterSender::finish() {
    flush();
    return outcome_;
}

}  // namespace drover::cli
