// A Kafka client for tests and for looking around, over src/kafka: creates topics, writes and reads records, shows and
// sets what a group has committed. Everything goes in and comes out as JSON lines; keys, values and headers' values are
// base64, as they may be any bytes. Exit code 1 and the reason on stderr when Kafka refuses.
#include <poll.h>

#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>

#include "src/base/base64.h"
#include "src/jobqueue/commit_metadata.h"
#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"
#include "src/kafka/producer.h"

namespace drover {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;
using namespace std::chrono_literals;

int complain(const Error& error) {
    std::cerr << "drover_kafka_tool: " << error.message << "\n";
    return 1;
}

void wait(kafka::Wakeup& wakeup) {
    pollfd readable{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
    poll(&readable, 1, 100);
    wakeup.clear();
}

std::string bytes_of(const json& text) {
    const auto& encoded = text.get_ref<const std::string&>();
    std::optional<std::string> bytes = base64_decode(encoded);
    if (!bytes) throw std::invalid_argument("not base64: " + encoded);
    return *std::move(bytes);
}

std::optional<std::string> optional_bytes(const json& line, const char* name) {
    const auto found = line.find(name);
    if (found == line.end() || found->is_null()) return std::nullopt;
    return bytes_of(*found);
}

// --- records

struct Line {
    std::string topic;
    std::optional<std::string> key, value;
    std::vector<Field> headers;
};

Line parse_line(const std::string& text, const std::string& topic) {
    const json line = json::parse(text);
    Line record{.topic = line.value("topic", topic),
                .key = optional_bytes(line, "key"),
                .value = optional_bytes(line, "value"),
                .headers = {}};
    for (const json& header : line.value("headers", json::array())) {
        record.headers.push_back({header.at(0).get<std::string>(), bytes_of(header.at(1))});
    }
    return record;
}

// Each value in a transaction of its own. librdkafka itself: Drover has no transactions.
int produce_in_transactions(const kafka::Settings& settings, const std::string& topic) {
    auto* configuration = rd_kafka_conf_new();
    for (const auto& [name, value] : settings) {
        rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), nullptr, 0);
    }
    rd_kafka_conf_set(configuration, "transactional.id", topic.c_str(), nullptr, 0);
    auto* producer = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nullptr, 0);
    auto* target = rd_kafka_topic_new(producer, topic.c_str(), nullptr);
    const auto must = [](rd_kafka_error_t* error) {
        if (error != nullptr) throw std::invalid_argument(rd_kafka_error_string(error));
    };
    constexpr int patience = 60'000;
    must(rd_kafka_init_transactions(producer, patience));
    for (std::string text; std::getline(std::cin, text);) {
        const Line line = parse_line(text, topic);
        const std::string value = line.value.value_or("");
        must(rd_kafka_begin_transaction(producer));
        // librdkafka's signature has no const; the flag says copy.
        rd_kafka_produce(target, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                         value.size(), nullptr, 0, nullptr);
        must(rd_kafka_commit_transaction(producer, patience));
    }
    rd_kafka_topic_destroy(target);
    rd_kafka_destroy(producer);
    return 0;
}

// Prints the coordinates of each record in the order of the lines, and when its acknowledgement came (milliseconds
// since the epoch), once all are acknowledged.
int produce(const kafka::Settings& settings, const std::string& topic) {
    kafka::Wakeup wakeup;
    auto producer = kafka::Producer::create(settings, wakeup);
    if (!producer) return complain(producer.error());
    struct Written {
        std::string topic;
        kafka::Acknowledged record;
        Time at{};
    };
    std::vector<Written> acknowledged;
    std::size_t waiting = 0;
    std::optional<Error> failed;
    const auto take_deliveries = [&] {
        for (const kafka::Delivery& delivery : (*producer)->poll()) {
            --waiting;
            if (delivery.outcome) {
                acknowledged[delivery.token].record = *delivery.outcome;
                acknowledged[delivery.token].at =
                    std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
            } else {
                failed = delivery.outcome.error();
            }
        }
        for (const kafka::ClientError& trouble : (*producer)->troubles()) {
            std::cerr << "drover_kafka_tool: " << trouble.error.message << "\n";
        }
    };
    for (std::string text; !failed && std::getline(std::cin, text);) {
        const Line line = parse_line(text, topic);
        const std::optional<std::string_view> key = line.key, value = line.value;
        for (;;) {
            const auto queued = (*producer)->produce({line.topic, key, value, line.headers}, acknowledged.size());
            if (queued) break;
            if (!queued.error().retryable) return complain(queued.error());
            wait(wakeup);
            take_deliveries();
        }
        ++waiting;
        acknowledged.push_back({.topic = line.topic});
        take_deliveries();
    }
    while (!failed && waiting > 0) {
        wait(wakeup);
        take_deliveries();
    }
    if (failed) return complain(*failed);
    for (const auto& [name, record, at] : acknowledged) {
        const json line{{"topic", name},
                        {"partition", record.partition},
                        {"offset", record.offset},
                        {"acknowledged", to_millis(at)}};
        std::cout << line.dump() << "\n";
    }
    return 0;
}

json to_json(const kafka::Record& record) {
    const auto encoded = [](std::optional<std::string_view> bytes) {
        return bytes ? json(base64_encode(*bytes)) : json();
    };
    std::vector<FieldView> fields;
    record.headers(fields);
    json headers = json::array();
    for (const FieldView& field : fields) headers.push_back({std::string(field.name), base64_encode(field.value)});
    return {{"topic", record.topic()},      {"partition", record.partition()},
            {"offset", record.offset()},    {"timestamp", to_millis(record.timestamp())},
            {"key", encoded(record.key())}, {"value", encoded(record.value())},
            {"headers", std::move(headers)}};
}

// Every record of the topics; where `count` is not 0, waits until there are that many.
int read(const kafka::Settings& settings, kafka::Admin& admin, const std::vector<std::string>& topics,
         std::size_t count, std::chrono::seconds timeout) {
    const auto partitions = admin.topics(topics);
    if (!partitions) return complain(partitions.error());
    kafka::Wakeup wakeup;
    auto fetcher = kafka::Fetcher::create(settings, {}, wakeup);
    if (!fetcher) return complain(fetcher.error());
    kafka::LogReader reader(**fetcher);
    kafka::Fetcher::Id last = 0;
    for (const std::string& topic : topics) {
        const auto found = partitions->find(topic);
        if (found == partitions->end()) {
            return complain({.code = Error::Code::not_found, .message = "there is no topic " + topic});
        }
        for (int partition = 0; partition < found->second; ++partition) {
            const auto started = reader.start(++last, {topic, partition});
            if (!started) return complain(started.error());
        }
    }
    std::size_t seen = 0;
    const auto deadline = Clock::now() + timeout;
    std::vector<kafka::Fetcher::Id> ready;
    while (!reader.caught_up() || seen < count) {
        if (Clock::now() > deadline) {
            return complain(
                {.code = Error::Code::timeout, .message = std::to_string(seen) + " records, no more in time"});
        }
        wait(wakeup);
        for (const kafka::ClientError& trouble : (*fetcher)->serve()) {
            std::cerr << "drover_kafka_tool: " << trouble.error.message << "\n";
        }
        ready.clear();
        (*fetcher)->ready(ready);
        for (const auto id : ready) {
            std::vector<kafka::Record> records;
            while (reader.take(id, 500, records)) {}
            for (const kafka::Record& record : records) std::cout << to_json(record).dump() << "\n";
            seen += records.size();
        }
        for (const Error& error : reader.troubles()) return complain(error);
    }
    return 0;
}

// --- topics and groups

std::vector<kafka::TopicPartition> all_partitions(const std::map<std::string, int>& topics) {
    std::vector<kafka::TopicPartition> all;
    for (const auto& [topic, partitions] : topics) {
        for (int partition = 0; partition < partitions; ++partition) all.push_back({topic, partition});
    }
    return all;
}

int show_offsets(kafka::Admin& admin, const std::vector<std::string>& topics) {
    const auto partitions = admin.topics(topics);
    if (!partitions) return complain(partitions.error());
    const auto offsets = admin.offsets(all_partitions(*partitions));
    if (!offsets) return complain(offsets.error());
    for (const auto& [at, range] : *offsets) {
        std::cout
            << json{{"topic", at.topic}, {"partition", at.partition}, {"start", range.start}, {"end", range.end}}.dump()
            << "\n";
    }
    return 0;
}

json decoded(const kafka::Position& position) {
    const auto metadata = jobqueue::decode_commit_metadata(position.metadata, position.offset);
    if (!metadata) return nullptr;
    json finished = json::array(), attempts = json::array();
    for (const auto& run : metadata->finished) finished.push_back({run.first, run.count});
    for (const auto& job : metadata->attempts) {
        attempts.push_back({{"offset", job.offset}, {"attempts", job.attempts}, {"due_at", to_millis(job.due_at)}});
    }
    return {{"finished", finished},
            {"attempts", attempts},
            {"busy_micros", metadata->busy_micros},
            {"completions", metadata->completions}};
}

int show_positions(kafka::Admin& admin, const std::string& group) {
    const auto positions = admin.group_positions(group);
    if (!positions) return complain(positions.error());
    for (const auto& [at, position] : *positions) {
        std::cout << json{{"topic", at.topic},
                          {"partition", at.partition},
                          {"offset", position.offset},
                          {"metadata", position.metadata},
                          {"decoded", decoded(position)}}
                         .dump()
                  << "\n";
    }
    return 0;
}

int set_positions(kafka::Admin& admin, const std::string& group) {
    std::vector<kafka::Position> positions;
    for (std::string text; std::getline(std::cin, text);) {
        const json line = json::parse(text);
        positions.push_back({{line.at("topic"), line.at("partition")}, line.at("offset"), line.value("metadata", "")});
    }
    const auto set = admin.set_group_positions(group, positions);
    return set ? 0 : complain(set.error());
}

int delete_records(kafka::Admin& admin) {
    std::map<kafka::TopicPartition, std::int64_t> before;
    for (std::string text; std::getline(std::cin, text);) {
        const json line = json::parse(text);
        before[{line.at("topic"), line.at("partition")}] = line.at("offset");
    }
    const auto deleted = admin.delete_records(before);
    return deleted ? 0 : complain(deleted.error());
}

int run(int argc, char** argv) {
    CLI::App app{"A Kafka client for tests: JSON lines in and out, bytes as base64.", "drover_kafka_tool"};
    app.require_subcommand(1);
    std::string bootstrap = "127.0.0.1:9092", topic, group;
    std::vector<std::string> set, topics, config;
    int partitions = 1, copies = 1, timeout = 60;
    std::size_t count = 0;
    app.add_option("--kafka", bootstrap);
    app.add_option("--set", set, "librdkafka's settings, NAME=VALUE");
    app.add_option("--timeout", timeout, "Seconds");

    CLI::App* create_command = app.add_subcommand("create", "Creates topics that are missing");
    create_command->add_option("TOPIC", topics)->required();
    create_command->add_option("--partitions", partitions);
    create_command->add_option("--replication", copies);
    create_command->add_option("--config", config, "NAME=VALUE");
    CLI::App* delete_command = app.add_subcommand("delete", "Deletes topics");
    delete_command->add_option("TOPIC", topics)->required();
    CLI::App* produce_command = app.add_subcommand("produce", "Writes {topic?,key?,value?,headers?} of stdin");
    produce_command->add_option("TOPIC", topic);
    CLI::App* transactions_command =
        app.add_subcommand("produce-in-transactions", "The values of stdin, each in a transaction");
    transactions_command->add_option("TOPIC", topic)->required();
    CLI::App* read_command = app.add_subcommand("read", "All records of topics");
    read_command->add_option("TOPIC", topics)->required();
    read_command->add_option("--count", count, "Waits until there are so many");
    CLI::App* offsets_command = app.add_subcommand("offsets", "Start and end of each partition");
    offsets_command->add_option("TOPIC", topics)->required();
    CLI::App* positions_command = app.add_subcommand("positions", "What a group has committed");
    positions_command->add_option("GROUP", group)->required();
    CLI::App* set_command = app.add_subcommand("set-positions", "Commits {topic,partition,offset,metadata?} of stdin");
    set_command->add_option("GROUP", group)->required();
    CLI::App* delete_records_command =
        app.add_subcommand("delete-records", "Those below each {topic,partition,offset} of stdin");
    CLI11_PARSE(app, argc, argv);

    const auto pairs = [](const std::vector<std::string>& texts) {
        std::map<std::string, std::string> found;
        for (const std::string& text : texts) {
            const auto equals = text.find('=');
            if (equals == std::string::npos) throw std::invalid_argument("not NAME=VALUE: " + text);
            found[text.substr(0, equals)] = text.substr(equals + 1);
        }
        return found;
    };
    kafka::Settings settings = pairs(set);
    settings["bootstrap.servers"] = bootstrap;
    if (produce_command->parsed()) return produce(settings, topic);
    if (transactions_command->parsed()) return produce_in_transactions(settings, topic);

    auto admin = kafka::Admin::connect(settings, std::chrono::seconds(timeout));
    if (!admin) return complain(admin.error());
    if (read_command->parsed()) return read(settings, **admin, topics, count, std::chrono::seconds(timeout));
    if (offsets_command->parsed()) return show_offsets(**admin, topics);
    if (positions_command->parsed()) return show_positions(**admin, group);
    if (set_command->parsed()) return set_positions(**admin, group);
    if (delete_records_command->parsed()) return delete_records(**admin);
    if (delete_command->parsed()) {
        const auto deleted = (*admin)->delete_topics(topics);
        return deleted ? 0 : complain(deleted.error());
    }
    std::vector<kafka::TopicSpec> specs;
    for (const std::string& name : topics) specs.push_back({name, partitions, copies, pairs(config)});
    const auto created = (*admin)->ensure_topics(specs);
    return created ? 0 : complain(created.error());
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
    try {
        return drover::run(argc, argv);
    } catch (const std::exception& error) {  // of the JSON on stdin or of an option
        std::cerr << "drover_kafka_tool: " << error.what() << "\n";
        return 2;
    }
}
