#include <iostream>

#include <CLI/CLI.hpp>

#include "bench/commands.h"

int main(int argc, char** argv) {
    CLI::App app{"The parts of a measurement; bench/run.py puts them together.", "drover_bench"};
    app.require_subcommand(1);
    std::string bootstrap = "127.0.0.1:9092", topic = "bench.jobs";
    long count = 200'000;
    int port = 18080, bytes = 1024, in_flight = 32, rate = 0, partitions = 12, code = 0;

    CLI::App* worker = app.add_subcommand("worker", "Answers every job at once, and counts");
    worker->add_option("--port", port);
    worker->callback([&] { code = drover::bench::worker(port); });

    const auto kafka_options = [&](CLI::App* command) {
        command->add_option("--kafka", bootstrap);
        command->add_option("--topic", topic);
        command->add_option("--partitions", partitions);
    };
    CLI::App* create = app.add_subcommand("create", "Creates a topic");
    kafka_options(create);
    create->callback([&] { code = drover::bench::create(bootstrap, topic, partitions); });

    CLI::App* fill = app.add_subcommand("fill", "Produces jobs");
    kafka_options(fill);
    fill->add_option("--count", count);
    fill->add_option("--bytes", bytes);
    fill->add_option("--rate", rate, "A second; 0: as fast as can be");
    fill->callback([&] { code = drover::bench::fill(bootstrap, topic, count, bytes, rate); });

    CLI::App* client = app.add_subcommand("client", "The sidecar's HTTP client without Kafka");
    client->add_option("--port", port);
    client->add_option("--count", count);
    client->add_option("--bytes", bytes);
    client->add_option("--in-flight", in_flight);
    client->add_option("--rate", rate);
    client->callback([&] { code = drover::bench::client(port, count, bytes, in_flight, rate); });

    CLI::App* consume = app.add_subcommand("consume", "The sidecar's fetcher without a worker");
    kafka_options(consume);
    consume->add_option("--count", count);
    consume->callback([&] { code = drover::bench::consume(bootstrap, topic, partitions, count); });

    CLI11_PARSE(app, argc, argv);
    return code;
}
