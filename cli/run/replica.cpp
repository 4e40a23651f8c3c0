#include "cli/run/replica.h"

#include "cli/run/totals.h"
#include "src/http/local_get.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto poll_deadline = 2s;
constexpr auto drain_grace = 15s;   // beyond the job's timeout; the sidecar itself gives up after 10 s
constexpr auto worker_grace = 10s;  // for the app's own stop
constexpr auto start_time = 5s;     // until a port that does not answer is worth a word

}  // namespace

Replica::Replica(boost::asio::io_context& io, Setup setup, Listener listener)
    : io_(io), setup_(std::move(setup)), listener_(std::move(listener)) {}

void Replica::start() {
    started_at_ = std::chrono::steady_clock::now();
    const std::weak_ptr<Replica> weak = weak_from_this();
    KeptProgram::Listener worker, sidecar;
    worker.line = [weak](Stream, const std::string& line) {
        if (const auto self = weak.lock()) self->listener_.line("worker", line);
    };
    worker.trouble = sidecar.trouble = [weak](const std::string& why) {
        if (const auto self = weak.lock()) self->listener_.trouble(why);
    };
    sidecar.starting = [weak](int start) {
        if (const auto self = weak.lock()) self->configure(start);
    };
    sidecar.line = [weak](Stream, const std::string& line) {
        const auto self = weak.lock();
        if (!self) return;
        self->listener_.line("sidecar", line);
        self->listener_.sidecar_line(line);
    };
    sidecar.crashed = [weak](int start) {
        if (const auto self = weak.lock()) self->sidecar_crashed(start);
    };
    worker_ = std::make_shared<KeptProgram>(io_, "the worker", setup_.worker, setup_.logs / (setup_.name + ".log"),
                                            std::move(worker));
    sidecar_ = std::make_shared<KeptProgram>(io_, "the sidecar", setup_.sidecar,
                                             setup_.logs / (setup_.name + ".sidecar.log"), std::move(sidecar));
    worker_->start();
    sidecar_->start();
}

void Replica::poll() {
    if (polling_ || stopping_ || !sidecar_->is_running()) return;
    polling_ = true;
    http::local_get(io_, setup_.ports.probe, "/stats", poll_deadline,
                    [weak = weak_from_this(), poll = ++polls_](const Result<std::string>& body) {
                        const auto self = weak.lock();
                        if (!self || self->polls_ != poll) return;
                        self->polling_ = false;
                        self->take(body);
                    });
}

void Replica::take(const Result<std::string>& body) {
    if (!body) return;  // not listening yet, or gone: the program's own end tells more
    if (Result<sidecar::Stats> stats = sidecar::stats_from_json(*body)) {
        stats_ = std::move(*stats);
        has_figures_ = true;
    } else {
        problem_ = "the sidecar's figures cannot be read: " + stats.error().message;
    }
}

// Every sidecar process is known to Kafka by a name of its own, so that a dead one is not taken for its successor.
std::string Replica::client_id(int start) const { return setup_.name + "." + std::to_string(start); }

void Replica::configure(int start) {
    const Result<void> written = setup_.configure(client_id(start));
    problem_ = written ? "" : written.error().message;
}

void Replica::sidecar_crashed(int start) {
    add_to(past_, past_of(stats_));
    stats_ = {};
    has_figures_ = false;
    ++polls_;
    polling_ = false;
    listener_.sidecar_crashed(client_id(start));
}

sidecar::Stats Replica::stats() const {
    sidecar::Stats all = past_;
    add_to(all, stats_);
    return all;
}

bool Replica::is_overdue() const {
    return !is_reachable() && (worker_->starts() > 1 || std::chrono::steady_clock::now() - started_at_ > start_time);
}

std::string Replica::problem() const {
    if (!problem_.empty()) return problem_;
    if (std::string problem = worker_->problem(); !problem.empty()) return problem;
    if (std::string problem = sidecar_->problem(); !problem.empty()) return problem;
    if (!stats_.trouble.empty()) return stats_.trouble;
    if (!stats_.blocked_job.empty()) return "a partition waits for job " + stats_.blocked_job;
    if (has_figures_ && is_overdue()) {
        return "the worker does not listen on its PORT, " + std::to_string(setup_.ports.worker);
    }
    return {};
}

void Replica::stop() {
    if (std::exchange(stopping_, true)) return;
    ++polls_;
    http::local_get(io_, setup_.ports.probe, "/drain", setup_.job_timeout + drain_grace,
                    [self = shared_from_this()](const Result<std::string>& body) {
                        self->take(body);
                        if (body) return self->stop_worker_then_sidecar();
                        self->stop_sidecar_then_worker();
                    });
}

void Replica::stop_worker_then_sidecar() {
    worker_->stop(worker_grace,
                  [self = shared_from_this()] { self->sidecar_->stop(drain_grace, [self] { self->finish(); }); });
}

// It did not answer: on its own signal it drains as well, while its worker is still there.
void Replica::stop_sidecar_then_worker() {
    sidecar_->stop(setup_.job_timeout + drain_grace,
                   [self = shared_from_this()] { self->worker_->stop(worker_grace, [self] { self->finish(); }); });
}

void Replica::kill() {
    stopping_ = true;
    worker_->kill();
    sidecar_->kill();
}

void Replica::finish() {
    stats_ = past_of(stats_);
    listener_.ended();
}

}  // namespace drover::cli
