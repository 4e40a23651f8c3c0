#include <poll.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <string>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "bench/gateway_events.h"
#include "gateway/view/view_feeder.h"
#include "src/kafka/admin.h"
#include "src/kafka/producer.h"

namespace drover::bench {
namespace {

using Clock = std::chrono::steady_clock;

void fill(const std::string& bootstrap, const std::string& topic, std::int64_t jobs) {
    const kafka::Settings settings{{"bootstrap.servers", bootstrap}};
    const auto admin = must(kafka::Admin::connect(settings, std::chrono::seconds(10)));
    if (const auto made = admin->ensure_topics({{topic, 12, 1, {}}}); !made) end(made.error());
    kafka::Wakeup wakeup;
    const auto producer = must(kafka::Producer::create(settings, wakeup, std::chrono::milliseconds(20)));
    const std::int64_t between = jobs / 20;
    std::string event;
    const auto send = [&](std::int64_t job, bool is_end) {
        write_event(job, is_end, event);
        const std::string id = id_of(job);
        while (!producer->produce({.topic = topic, .key = id, .value = event, .headers = {}}, 0)) {
            pollfd readable{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
            ::poll(&readable, 1, 100);
            wakeup.clear();
            for (const kafka::Delivery& delivery : producer->poll()) must(delivery.outcome);
        }
    };
    for (std::int64_t job = 0; job < jobs + between; ++job) {
        if (job < jobs) send(job, false);
        if (job >= between) send(job - between, true);
    }
    while (producer->in_flight() > 0) {
        pollfd readable{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, 100);
        wakeup.clear();
        for (const kafka::Delivery& delivery : producer->poll()) must(delivery.outcome);
    }
}

// As a gateway's loop without anybody who waits for a job.
class Loop final : public gateway::ViewFeeder::Listener {
public:
    void run(gateway::FeederOptions options) {
        const auto guard = boost::asio::make_work_guard(io_);
        gateway::ViewFeeder feeder(std::move(options), io_.get_executor(), *this);
        io_.run();
    }
    std::uint64_t applied() const { return applied_; }

private:
    void jobs_changed(const std::vector<gateway::JobChange>&) override {}
    void changes_missed() override {}
    void status_changed(const gateway::FeederStatus& status) override {
        applied_ = status.applied;
        if (!status.trouble.empty()) end({.message = status.trouble});
        if (status.caught_up) io_.stop();
    }

    boost::asio::io_context io_{1};
    std::uint64_t applied_ = 0;
};

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

}  // namespace

int feed(const std::string& where, const std::string& bootstrap, std::int64_t jobs) {
    const auto view = must(gateway::open_job_view({.where = where}));
    if (const auto cleared = view->clear(); !cleared) end(cleared.error());
    const std::string topic = "bench.events." + std::to_string(Clock::now().time_since_epoch().count());
    fill(bootstrap, topic, jobs);
    Loop loop;
    const double cpu = cpu_seconds();
    const auto begin = Clock::now();
    loop.run({.kafka = {{"bootstrap.servers", bootstrap}}, .events_topic = topic, .view = {.where = where}});
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto count = static_cast<double>(loop.applied());
    std::printf("the feeder: %.0f events in %.1f s, %.0f a second, %.1f us of our CPU each\n", count, seconds,
                count / seconds, 1e6 * (cpu_seconds() - cpu) / count);
    if (must(view->counts()) != must(view->recount())) end({.message = "the counts have drifted"});
    return 0;
}

}  // namespace drover::bench
