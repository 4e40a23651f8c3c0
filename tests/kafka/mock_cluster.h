// librdkafka's own mock of a cluster, mostly of one broker, for what a real one cannot be asked for.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "src/kafka/settings.h"

namespace drover::kafka::test {

constexpr std::int16_t api_produce = 0;

class MockCluster {
public:
    explicit MockCluster(int brokers = 1) {
        client_ = make_client(RD_KAFKA_PRODUCER, {});
        cluster_ = rd_kafka_mock_cluster_new(client_, brokers);
        create("jobs");
    }
    ~MockCluster() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(client_);
    }
    MockCluster(const MockCluster&) = delete;
    MockCluster& operator=(const MockCluster&) = delete;

    Settings settings() const { return {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_)}}; }
    void create(const char* topic, int partitions = 1) { rd_kafka_mock_topic_create(cluster_, topic, partitions, 1); }
    // What is produced into it waits.
    void take_leader(const char* topic) { rd_kafka_mock_partition_set_leader(cluster_, topic, 0, -1); }
    void give_leader(const char* topic) { rd_kafka_mock_partition_set_leader(cluster_, topic, 0, 1); }
    // What is said of a topic from now on; NO_ERROR: it is there.
    void set_topic_error(const char* topic, rd_kafka_resp_err_t code) {
        rd_kafka_mock_topic_set_error(cluster_, topic, code);
    }
    void refuse_next_produce(rd_kafka_resp_err_t code) {
        rd_kafka_mock_push_request_errors(cluster_, api_produce, 1, code);
    }
    // Answers come this much later, so that requests overlap.
    void delay_answers(std::chrono::milliseconds delay) {
        rd_kafka_mock_broker_set_rtt(cluster_, 1, static_cast<int>(delay.count()));
    }
    // How many came of a kind, since count_requests().
    void count_requests() { rd_kafka_mock_start_request_tracking(cluster_); }
    std::ptrdiff_t requests(std::int16_t api) const {
        std::size_t size = 0;
        rd_kafka_mock_request_t** const all = rd_kafka_mock_get_requests(cluster_, &size);
        const auto count = std::count_if(all, all + size, [api](rd_kafka_mock_request_t* request) {
            return rd_kafka_mock_request_api_key(request) == api;
        });
        rd_kafka_mock_request_destroy_array(all, size);
        return count;
    }
    void stop() { rd_kafka_mock_broker_set_down(cluster_, 1); }
    void start() { rd_kafka_mock_broker_set_up(cluster_, 1); }

    // The first `count` values of a topic's first partition. Waits for them, but not for ever; `meanwhile`, again and
    // again.
    std::vector<std::string> read(
        const char* topic, std::size_t count, const std::function<void()>& meanwhile = [] {}) const {
        rd_kafka_t* consumer = make_client(RD_KAFKA_CONSUMER, settings());
        auto* partitions = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(partitions, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(consumer, partitions);
        rd_kafka_topic_partition_list_destroy(partitions);
        std::vector<std::string> values;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (values.size() < count && std::chrono::steady_clock::now() < end) {
            meanwhile();
            rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 10);
            if (message == nullptr) continue;
            if (!message->err) values.emplace_back(static_cast<const char*>(message->payload), message->len);
            rd_kafka_message_destroy(message);
        }
        rd_kafka_destroy(consumer);
        return values;
    }

private:
    static rd_kafka_t* make_client(rd_kafka_type_t type, Settings settings) {
        auto* configuration = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(configuration, nullptr);
        if (type == RD_KAFKA_CONSUMER) settings.emplace("group.id", "reader");
        for (const auto& [name, value] : settings) {
            rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), nullptr, 0);
        }
        return rd_kafka_new(type, configuration, nullptr, 0);
    }

    rd_kafka_t* client_ = nullptr;
    rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace drover::kafka::test
