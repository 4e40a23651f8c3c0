// What the gateway's view of jobs takes in and answers, on one database: events applied a second, look-ups by id, pages
// of a list over all jobs. README.md has the commands and the figures.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/gateway_events.h"
#include "gateway/view/job_view.h"

namespace {

using namespace drover;
using namespace drover::gateway;
using namespace drover::bench;
using Clock = std::chrono::steady_clock;

constexpr std::size_t batch_events = 1000;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Applied {
    double seconds = 0, cpu = 0;
};

// Job i is submitted, and job i - `between` ends: each job is written twice, as where a queue has a backlog.
Applied apply_jobs(JobView& view, std::int64_t from, std::int64_t to, std::int64_t between, std::int64_t& offset) {
    std::vector<std::string> texts(batch_events), storages(batch_events);
    std::vector<PlacedEvent> events;
    Applied applied;
    std::int64_t job = from;
    while (job < to) {
        std::size_t count = 0;
        for (; count + 2 <= batch_events && job < to; ++job) {
            write_event(job, false, texts[count++]);
            if (job >= between) write_event(job - between, true, texts[count++]);
        }
        const double cpu = cpu_seconds();
        const auto begin = Clock::now();
        EventBatch batch;
        if (offset > 0) batch.from[0] = offset;
        events.clear();
        for (std::size_t i = 0; i < count; ++i) {
            events.push_back({must(jobqueue::parse_lifecycle_event(texts[i], storages[i])), 0, offset++});
        }
        batch.events = events;
        batch.to[0] = offset;
        must(view.apply(batch));
        applied.seconds += seconds_since(begin);
        applied.cpu += cpu_seconds() - cpu;
    }
    return applied;
}

void look_up(const std::string& where, std::int64_t jobs, int threads, int each) {
    const auto begin = Clock::now();
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i) {
            running.emplace_back([&where, jobs, each, i] {
                const auto view = must(open_job_view({.where = where}));
                std::mt19937_64 random(static_cast<std::uint64_t>(i));
                for (int n = 0; n < each; ++n) {
                    const auto job = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(jobs));
                    if (must(view->jobs(id_of(job))).size() != 1) end({.message = "a job is not found"});
                }
            });
        }
    }
    std::printf("look-ups by id, %d connections: %.0f a second\n", threads, threads * each / seconds_since(begin));
}

void measure(const char* what, int times, const std::function<void()>& ask) {
    std::vector<double> millis;
    for (int i = 0; i < times; ++i) {
        const auto begin = Clock::now();
        ask();
        millis.push_back(1000 * seconds_since(begin));
    }
    std::ranges::sort(millis);
    const auto at = [&](double q) {
        return millis[static_cast<std::size_t>(q * static_cast<double>(millis.size() - 1))];
    };
    std::printf("%-52s p50 %7.2f ms, p99 %7.2f ms, most %7.2f ms\n", what, at(0.5), at(0.99), millis.back());
}

void ask_for_pages(JobView& view) {
    const auto page = [&](const JobFilter& filter, const std::string& cursor = "") {
        return must(view.list(filter, cursor, 50));
    };
    const std::string queue = queue_of(0);
    measure("page of 50: one queue", 200, [&] { page({.queue = queue}); });
    measure("page of 50: one queue, failed", 200, [&] { page({.queue = queue, .states = {JobState::failed}}); });
    measure("page of 50: all queues, all states", 200, [&] { page({}); });
    measure("page of 50: one queue, by type and label", 200,
            [&] { page({.queue = queue, .type = "send-email", .label = "user=user-8"}); });
    measure("page of 50: one queue, a text that is nowhere", 200, [&] { page({.queue = queue, .text = "nowhere"}); });
    measure("page of 50: one queue, submitted in the middle", 200,
            [&] { page({.queue = queue, .submitted_before = time_of(300'000)}); });
    std::string cursor;
    measure("page of 50: going on, 200 pages", 200, [&] { cursor = page({.queue = queue}, cursor).cursor; });
    measure("counts", 200, [&] { must(view.counts()); });
    measure("figures of a queue, an hour", 50, [&] { must(view.figures(queue, time_of(0))); });
    measure("oldest of a queue", 200, [&] { must(view.oldest(queue)); });
    measure("recount", 3, [&] { must(view.recount()); });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures the gateway's view of jobs");
    std::string where;
    std::int64_t jobs = 1'000'000;
    app.add_option("where", where, "sqlite:FILE, or a connection string of PostgreSQL; it is emptied")->required();
    app.add_option("--jobs", jobs);
    std::string kafka;
    app.add_option("--feed-from", kafka,
                   "Bootstrap servers: the feeder reads the events from there, and nothing else is measured");
    CLI11_PARSE(app, argc, argv);

    if (!kafka.empty()) return feed(where, kafka, jobs);
    const auto view = must(open_job_view({.where = where}));
    if (const auto cleared = view->clear(); !cleared) end(cleared.error());
    std::int64_t offset = 0;
    const std::int64_t between = std::min<std::int64_t>(jobs / 10, 50'000);
    for (int part = 0; part < 4; ++part) {
        const std::int64_t before = offset;
        const Applied applied = apply_jobs(*view, jobs * part / 4, jobs * (part + 1) / 4, between, offset);
        const auto count = static_cast<double>(offset - before);
        std::printf("events applied, to %lld jobs: %.0f a second, %.1f us of our CPU each\n",
                    static_cast<long long>(jobs * (part + 1) / 4), count / applied.seconds, 1e6 * applied.cpu / count);
        std::fflush(stdout);
    }
    look_up(where, jobs, 1, 20'000);
    look_up(where, jobs, 4, 20'000);
    ask_for_pages(*view);
    if (must(view->counts()) != must(view->recount())) end({.message = "the counts have drifted"});
    return 0;
}
