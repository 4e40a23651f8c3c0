#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "bench/commands.h"
#include "bench/payload.h"
#include "sidecar/hand_over_headers.h"
#include "src/http/job_client.h"
#include "src/kafka/record.h"

namespace drover::bench {
namespace {

using Clock = std::chrono::steady_clock;

class Load final : public http::JobClient::Listener {
public:
    Load(boost::asio::io_context& io, int port, const Jobs& jobs, int in_flight)
        : io_(io),
          timer_(io),
          count_(jobs.count),
          rate_(jobs.rate),
          in_flight_(in_flight),
          bytes_(jobs.bytes),
          client_(http::JobClient::create(io.get_executor(), {.port = static_cast<std::uint16_t>(port)}, *this)) {
        payloads_.resize(rate_ > 0 ? 4096 : static_cast<std::size_t>(in_flight));
        started_at_.resize(payloads_.size());
        for (std::size_t slot = 0; slot < payloads_.size(); ++slot) free_.push_back(slot);
    }

    void run() {
        begun_ = Clock::now();
        if (rate_ > 0) {
            tick();
        } else {
            for (int i = 0; i < in_flight_; ++i) send();
        }
        io_.run();
        const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        const auto micros = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
        };
        std::ranges::sort(latencies_);
        const auto at = [&](double q) {
            return latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))];
        };
        std::printf("{\"jobs_s\":%.0f,\"cpu_us_job\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"failed\":%ld}\n",
                    static_cast<double>(count_) / seconds,
                    (micros(usage.ru_utime) + micros(usage.ru_stime)) / static_cast<double>(count_), at(0.5), at(0.99),
                    failed_);
    }

    void answered(http::JobClient::Token token, const http::Answer& answer) override {
        const std::size_t slot = token;
        if (answer.kind != http::Answer::Kind::response || answer.status != 200) ++failed_;
        latencies_.push_back(std::chrono::duration<float, std::milli>(Clock::now() - started_at_[slot]).count());
        free_.push_back(slot);
        if (++done_ == count_) return io_.stop();
        if (rate_ == 0) send();
    }
    void probed(bool) override {}

private:
    void tick() {
        const auto due = static_cast<long>(std::chrono::duration<double>(Clock::now() - begun_).count() * rate_);
        while (sent_ < std::min(due, count_) && !free_.empty()) send();
        if (sent_ == count_) return;
        timer_.expires_after(std::chrono::milliseconds(1));
        timer_.async_wait([this](boost::system::error_code) { tick(); });
    }

    void send() {
        if (sent_ == count_) return;
        const std::size_t slot = free_.back();
        free_.pop_back();
        payloads_[slot] = payload(sent_, bytes_);
        started_at_[slot] = Clock::now();
        const std::string id = "bench.jobs-3-" + std::to_string(sent_);
        const jobqueue::JobHeaders job;
        ++sent_;
        client_->send(slot,
                      headers_.build({.fields = {},
                                      .headers = job,
                                      .record = {"bench.jobs", 3, sent_, {}},
                                      .id = id,
                                      .key = std::nullopt,
                                      .max_attempts = 3,
                                      .lease = "0123456789abcdef-100000001"}),
                      payloads_[slot]);
    }

    boost::asio::io_context& io_;
    boost::asio::steady_timer timer_;
    long count_, sent_ = 0, done_ = 0, failed_ = 0;
    int rate_, in_flight_, bytes_;
    sidecar::HandOverHeaders headers_{"jobs", "/drover/bench/jobs"};
    std::vector<std::string> payloads_;
    std::vector<Clock::time_point> started_at_;
    std::vector<std::size_t> free_;
    std::vector<float> latencies_;
    Clock::time_point begun_;
    std::unique_ptr<http::JobClient> client_;
};

}  // namespace

int client(int port, const Jobs& jobs, int in_flight) {
    boost::asio::io_context io(1);
    const auto work = boost::asio::make_work_guard(io);
    Load(io, port, jobs, in_flight).run();
    return 0;
}

}  // namespace drover::bench
