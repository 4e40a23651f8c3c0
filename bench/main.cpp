#include <iostream>

#include <CLI/CLI.hpp>

#include "bench/commands.h"

int main(int argc, char** argv) {
    CLI::App app{"The parts of a measurement; bench/run.py puts them together.", "drover_bench"};
    app.require_subcommand(1);
    std::string bootstrap = "127.0.0.1:9092", topic = "bench.jobs";
    drover::bench::Jobs jobs;
    int port = 18080, in_flight = 32, partitions = 12, code = 0;

    CLI::App* worker = app.add_subcommand("worker", "Answers every job at once, and counts");
    worker->add_option("--port", port);
    worker->callback([&] { code = drover::bench::worker(port); });

    const auto kafka_options = [&](CLI::App* command) {
        command->add_option("--kafka", bootstrap);
        command->add_option("--topic", topic);
        command->add_option("--partitions", partitions);
    };
    const auto job_options = [&](CLI::App* command) {
        command->add_option("--count", jobs.count);
        command->add_option("--bytes", jobs.bytes);
        command->add_option("--rate", jobs.rate, "A second; 0: as fast as can be");
    };
    CLI::App* create = app.add_subcommand("create", "Creates a topic");
    kafka_options(create);
    create->callback([&] { code = drover::bench::create(bootstrap, topic, partitions); });

    CLI::App* fill = app.add_subcommand("fill", "Produces jobs");
    kafka_options(fill);
    job_options(fill);
    fill->add_option("--first", jobs.first, "The first job's number");
    fill->add_option("--keys", jobs.keys, "Each job has one of so many; 0: none");
    fill->callback([&] { code = drover::bench::fill(bootstrap, topic, jobs); });

    CLI::App* size = app.add_subcommand("size", "Prints how many records a topic has");
    kafka_options(size);
    size->callback([&] { code = drover::bench::size(bootstrap, topic, partitions); });

    CLI::App* client = app.add_subcommand("client", "The sidecar's HTTP client without Kafka");
    client->add_option("--port", port);
    job_options(client);
    client->add_option("--in-flight", in_flight);
    client->callback([&] { code = drover::bench::client(port, jobs, in_flight); });

    CLI::App* consume = app.add_subcommand("consume", "The sidecar's fetcher without a worker");
    kafka_options(consume);
    consume->add_option("--count", jobs.count);
    consume->callback([&] { code = drover::bench::consume(bootstrap, topic, partitions, jobs.count); });

    CLI11_PARSE(app, argc, argv);
    return code;
}
