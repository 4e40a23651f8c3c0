// A scheduler as a program, and what its tests write: jobs that wait, schedules. Status and ids are JSON lines on
// stdout.
//   run       until its input ends; a line of input is a job id to cancel
//   delay     makes jobs whose times are spread evenly
//   upsert    a schedule from the body of its PUT;  remove
#include <poll.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "gateway/core/delayed_record.h"
#include "gateway/core/schedule.h"
#include "gateway/scheduler/scheduler.h"
#include "src/jobqueue/job.h"
#include "src/kafka/producer.h"

namespace drover::gateway {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

struct Arguments {
    kafka::Settings kafka;
    SchedulerOptions options;
    std::string control_topic;
    std::string topic, queue = "test.queue", id_prefix = "job";
    int count = 0, size = 10;
    std::int64_t from = 0, to = 0;  // milliseconds from now
    std::string name, body;
};

int complain(const Error& error) {
    std::cerr << "drover_scheduler_tool: " << error.message << "\n";
    return 1;
}

json status_json(const SchedulerStatus& status) {
    return {{"ready", status.ready},
            {"partitions", status.partitions},
            {"trouble", status.trouble},
            {"waiting", status.waiting},
            {"dispatched", status.dispatched},
            {"cancelled", status.cancelled},
            {"scheduled", status.scheduled},
            {"refused", status.refused},
            {"behindMs", std::chrono::duration_cast<std::chrono::milliseconds>(status.behind).count()},
            {"behindMs", std::chrono::ceil<std::chrono::milliseconds>(status.behind).count()},
            {"scheduleTroubles", status.schedule_troubles}};
}

int run(Arguments arguments) {
    boost::asio::io_context io;
    auto work = boost::asio::make_work_guard(io);
    Scheduler scheduler(std::move(arguments.options), io.get_executor(),
                        [](const SchedulerStatus& status) { std::cout << status_json(status).dump() << std::endl; });
    std::jthread input([&] {
        for (std::string id; std::getline(std::cin, id);) {
            scheduler.cancel(
                {.job_id = id, .control_topic = arguments.control_topic, .by = "test", .reason = "race"},
                [id](const Result<void>& done) {
                    std::cout << json{{"cancel", id}, {"error", done ? "" : done.error().message}}.dump() << std::endl;
                });
        }
        boost::asio::post(io, [&] {
            work.reset();
            io.stop();
        });
    });
    io.run();
    return 0;
}

// Produces all and waits for the acknowledgements.
template <class Make>
int produce(const kafka::Settings& settings, int count, Make make) {
    kafka::Wakeup wakeup;
    const auto producer = kafka::Producer::create(settings, wakeup, 5ms);
    if (!producer) return complain(producer.error());
    int made = 0, answered = 0;
    while (answered < count) {
        for (; made < count && (*producer)->in_flight() < 50'000; ++made) {
            if (const Result<void> queued = make(**producer, made); !queued) {
                if (!queued.error().retryable) return complain(queued.error());
                break;
            }
        }
        for (const kafka::Delivery& delivery : (*producer)->poll()) {
            if (!delivery.outcome) return complain(delivery.outcome.error());
            ++answered;
        }
        pollfd readable{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, 100);
        wakeup.clear();
    }
    return 0;
}

int delay(const Arguments& arguments) {
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    std::string lines;
    const int code = produce(arguments.kafka, arguments.count, [&](kafka::Producer& producer, int i) {
        const auto spread = std::chrono::milliseconds(arguments.to - arguments.from);
        const Time due = now + std::chrono::milliseconds(arguments.from) + spread * (i + 1) / arguments.count;
        const std::string id = jobqueue::named_job_id(arguments.id_prefix + std::to_string(i));
        const JobOrder order{.id = id,
                             .topic = arguments.topic,
                             .key = std::nullopt,
                             .value = std::to_string(i) + std::string(static_cast<std::size_t>(arguments.size), '.'),
                             .headers = {{std::string(jobqueue::header::job_id), id}},
                             .due = due};
        const DelayedMessage message = delayed_message(order, arguments.queue);
        lines += json{{"id", id}, {"due", to_millis(due) + 1}}.dump() + "\n";
        return producer.produce({.topic = arguments.options.delayed_topic,
                                 .key = message.key,
                                 .value = message.value,
                                 .headers = message.headers,
                                 .partition = message.partition},
                                static_cast<std::uint64_t>(i));
    });
    std::cout << lines;
    return code;
}

int write_schedule(const Arguments& arguments, bool remove) {
    ScheduleMessage message = schedule_removal(arguments.queue, arguments.name);
    if (!remove) {
        const Result<Schedule> schedule = parse_schedule(arguments.queue, arguments.name, arguments.body);
        if (!schedule) return complain(schedule.error());
        message = schedule_message(*schedule);
    }
    return produce(arguments.kafka, 1, [&](kafka::Producer& producer, int) {
        return producer.produce(
            {.topic = arguments.options.gateway_topic, .key = message.key, .value = message.value, .headers = {}}, 1);
    });
}

int main(int count, char** values) {
    CLI::App app("A scheduler for tests.");
    Arguments arguments;
    std::string bootstrap, prefix;
    int session = 6000;
    app.add_option("--kafka", bootstrap)->required();
    app.add_option("--prefix", prefix, "of topics, ids and group")->required();
    app.add_option("--session", session);
    auto* runs = app.add_subcommand("run");
    runs->add_option("--data", arguments.options.data)->required();
    runs->add_option("--control-topic", arguments.control_topic);
    auto* delays = app.add_subcommand("delay");
    delays->add_option("--topic", arguments.topic)->required();
    delays->add_option("--queue", arguments.queue);
    delays->add_option("--id-prefix", arguments.id_prefix);
    delays->add_option("--count", arguments.count)->required();
    delays->add_option("--size", arguments.size);
    delays->add_option("--from", arguments.from)->required();
    delays->add_option("--to", arguments.to)->required();
    auto* upserts = app.add_subcommand("upsert");
    upserts->add_option("--queue", arguments.queue);
    upserts->add_option("--name", arguments.name)->required();
    upserts->add_option("--body", arguments.body)->required();
    auto* removes = app.add_subcommand("remove");
    removes->add_option("--queue", arguments.queue);
    removes->add_option("--name", arguments.name)->required();
    app.require_subcommand(1);
    CLI11_PARSE(app, count, values);
    arguments.kafka = {{"bootstrap.servers", bootstrap}};
    arguments.options.kafka = arguments.kafka;
    arguments.options.prefix = prefix;
    arguments.options.delayed_topic = prefix + "delayed";
    arguments.options.gateway_topic = prefix + "gateway";
    arguments.options.events_topic = prefix + "events";
    arguments.options.session_timeout = std::chrono::milliseconds(session);
    if (runs->parsed()) return run(std::move(arguments));
    if (delays->parsed()) return delay(arguments);
    return write_schedule(arguments, removes->parsed());
}

}  // namespace
}  // namespace drover::gateway

int main(int count, char** values) { return drover::gateway::main(count, values); }
