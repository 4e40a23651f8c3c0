#include "cli/run/kept_program.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <boost/asio/post.hpp>

#include "cli/run/sidecar_log.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto first_pause = 100ms, longest_pause = 10'000ms;
constexpr auto settled_after = 10s;

}  // namespace

KeptProgram::KeptProgram(boost::asio::io_context& io, std::string name, ProcessSpec spec, std::filesystem::path log,
                         Listener listener)
    : io_(io),
      name_(std::move(name)),
      spec_(std::move(spec)),
      log_(std::move(log)),
      listener_(std::move(listener)),
      timer_(io),
      pause_(first_pause) {}

void KeptProgram::start() { launch(); }

void KeptProgram::launch() {
    ++starts_;
    log_.forget_last_words();
    if (listener_.starting) listener_.starting(starts_);
    started_at_ = std::chrono::steady_clock::now();
    auto process = Process::start(
        io_, spec_,
        [this](Stream stream, const std::string& line) {
            log_.write(stream, line);
            if (listener_.line) listener_.line(stream, line);
        },
        [this](const ProcessEnd& end) { ended(describe(end)); });
    if (!process) return ended("cannot be started: " + process.error().message);
    process_ = std::move(*process);
    timer_.expires_after(settled_after);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (error || !self || self->stopping_) return;
        self->problem_.clear();
        self->pause_ = first_pause;
    });
}

void KeptProgram::ended(const std::string& how) {
    const auto self = shared_from_this();  // a listener may let go of it
    process_.reset();
    if (stopping_) return finish_stop();
    std::string problem = name_ + " " + how;
    if (const std::string& words = log_.last_words(); !words.empty()) problem += ": " + readable_log_line(words);
    const bool is_news = problem != std::exchange(problem_, problem);
    wait_and_start();
    if (is_news && listener_.trouble) listener_.trouble(problem);
    if (listener_.crashed) listener_.crashed(starts_);
}

void KeptProgram::wait_and_start() {
    timer_.expires_after(pause_);
    pause_ = std::min<std::chrono::milliseconds>(pause_ * 2, longest_pause);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (!error && self && !self->stopping_) self->launch();
    });
}

void KeptProgram::stop(std::chrono::milliseconds grace, std::function<void()> stopped) {
    stopping_ = true;
    stopped_ = std::move(stopped);
    if (!process_) return boost::asio::post(io_, [self = shared_from_this()] { self->finish_stop(); });
    process_->signal(SIGTERM);
    timer_.expires_after(grace);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (!error && self && self->process_) self->process_->signal(SIGKILL);
    });
}

void KeptProgram::finish_stop() {
    timer_.cancel();
    if (const auto stopped = std::exchange(stopped_, nullptr)) stopped();
}

void KeptProgram::kill() {
    stopping_ = true;
    if (process_) process_->signal(SIGKILL);
}

std::string KeptProgram::problem() const { return problem_.empty() ? log_.problem() : problem_; }

}  // namespace drover::cli
