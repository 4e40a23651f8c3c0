#include "cli/submitter.h"

#include "src/jobqueue/job.h"

namespace drover::cli {
namespace {

constexpr std::size_t most_in_flight = 1000;
constexpr auto longest_sleep = std::chrono::milliseconds(100);

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::mt19937_64 seeded() {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
}

}  // namespace

Result<std::unique_ptr<Submitter>> Submitter::start(boost::asio::io_context& io, const kafka::Settings& settings,
                                                    Order order, std::function<void(const Outcome&)> done) {
    std::unique_ptr<Submitter> submitter(new Submitter(io, std::move(order), std::move(done)));
    auto producer = kafka::Producer::create(settings, submitter->wakeup_);
    if (!producer) return tl::unexpected(producer.error());
    submitter->producer_ = std::move(*producer);
    submitter->wait();
    submitter->timer_.expires_after(std::chrono::seconds(0));
    submitter->timer_.async_wait([self = submitter.get()](boost::system::error_code error) {
        if (!error) self->turn();
    });
    return submitter;
}

Submitter::Submitter(boost::asio::io_context& io, Order order, std::function<void(const Outcome&)> done)
    : order_(std::move(order)),
      done_(std::move(done)),
      ready_(io, wakeup_.fd()),
      timer_(io),
      random_(seeded()),
      began_(std::chrono::steady_clock::now()) {}

Submitter::~Submitter() {
    ready_.release();  // the wake-up closes its own descriptor
}

void Submitter::wait() {
    ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error || !done_) return;
        wakeup_.clear();
        wait();
        turn();
    });
}

void Submitter::turn() {
    if (!done_) return;
    for (const kafka::Delivery& delivery : producer_->poll()) {
        if (delivery.outcome)
            ++outcome_.acknowledged;
        else
            failed(delivery.outcome.error());
    }
    for (const kafka::ClientError& each : producer_->troubles()) trouble_ = each.error.message;
    produce_some();
    if (at_end_ && !held_ && producer_->in_flight() == 0) {
        outcome_.time = std::chrono::steady_clock::now() - began_;
        timer_.cancel();
        ready_.cancel();
        const auto done = std::exchange(done_, nullptr);
        return done(outcome_);
    }
    timer_.expires_after(longest_sleep);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) turn();
    });
}

void Submitter::produce_some() {
    while (producer_->in_flight() < most_in_flight) {
        if (!held_) {
            auto job = order_.jobs();
            if (!job) {
                at_end_ = true;
                return;
            }
            if (!*job) {
                failed(job->error());
                continue;
            }
            held_ = std::move(**job);
            held_->id = jobqueue::new_job_id(now(), random_());
        }
        if (!produce(*held_)) return;
        held_.reset();
    }
}

bool Submitter::produce(jobqueue::Submission& job) {
    std::vector<Field> headers = jobqueue::submission_headers(job, now());
    headers.insert(headers.end(), order_.headers.begin(), order_.headers.end());
    const auto key = job.key ? std::optional<std::string_view>(*job.key) : std::nullopt;
    const Result<void> queued =
        producer_->produce({.topic = order_.topic, .key = key, .value = job.payload, .headers = headers}, 0);
    if (queued) {
        outcome_.last_id = job.id;
        return true;
    }
    if (queued.error().retryable) return false;
    failed(queued.error());
    return true;
}

void Submitter::failed(const Error& error) {
    ++outcome_.failed;
    if (outcome_.first_error) return;
    outcome_.first_error = error;
    if (!trouble_.empty()) outcome_.first_error->message += " (" + trouble_ + ")";
}

}  // namespace drover::cli
