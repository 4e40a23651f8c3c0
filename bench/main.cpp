#include <iostream>

#include <CLI/CLI.hpp>

#include "bench/asker.h"
#include "bench/commands.h"

int main(int argc, char** argv) {
    CLI::App app{"The parts of a measurement; bench/run.py puts them together.", "drover_bench"};
    app.require_subcommand(1);
    std::string bootstrap = "127.0.0.1:9092", topic = "bench.jobs";
    drover::bench::Jobs jobs;
    std::string setting, key, value;
    drover::bench::Asking asking;
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
    create->add_option("--set", setting, "NAME=VALUE of the topic's settings");
    create->callback([&] { code = drover::bench::create(bootstrap, topic, partitions, setting); });

    CLI::App* put = app.add_subcommand("put", "Produces one record");
    kafka_options(put);
    put->add_option("--key", key);
    put->add_option("--value", value);
    put->callback([&] { code = drover::bench::put(bootstrap, topic, key, value); });

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

    const auto asking_options = [&](CLI::App* command) {
        job_options(command);
        command->add_option("--port", asking.port);
        command->add_option("--connections", asking.connections);
        command->add_option("--ids", asking.ids, "File with the ids of jobs");
    };
    CLI::App* submit = app.add_subcommand("submit", "Submits jobs to a gateway");
    asking_options(submit);
    submit->add_option("--queue", asking.queue);
    submit->add_option("--batch", asking.batch, "Jobs in a request; 0: one by one");
    submit->add_option("--keys", jobs.keys, "Each job has one of so many; 0: none");
    submit->callback([&] { code = drover::bench::submit(asking, jobs); });

    CLI::App* status = app.add_subcommand("status", "Asks a gateway for jobs by their id");
    asking_options(status);
    status->callback([&] { code = drover::bench::status(asking, jobs); });

    CLI11_PARSE(app, argc, argv);
    return code;
}
