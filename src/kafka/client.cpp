#include "src/kafka/client.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <set>

namespace drover::kafka {

namespace {

// Better than librdkafka's for us, but not essential: the user's settings win.
const Settings defaults = {
    {"client.id", "drover"},
    {"enable.metrics.push", "false"},
    {"reconnect.backoff.max.ms", "1000"},
    {"socket.keepalive.enable", "true"},
};

// They load a library or run a command in our process, and settings come from whoever may write a JobQueue.
const std::set<std::string, std::less<>> refused = {"plugin.library.paths", "ssl.engine.location", "ssl.providers",
                                                    "sasl.kerberos.kinit.cmd"};

constexpr int severity_error = 3;  // as syslog counts

// "host:port/id: what happened" is how librdkafka starts a broker's error.
std::string broker_in(std::string_view message) {
    const auto end = message.find(": ");
    if (end == std::string_view::npos || message.substr(0, end).find_first_of(" '\"") != std::string_view::npos) {
        return "";
    }
    return std::string(message.substr(0, end));
}

bool concerns_a_broker(rd_kafka_resp_err_t code) {
    switch (code) {
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR__TIMED_OUT: return true;
        default: return false;
    }
}

std::pair<Error::Code, bool> classify(rd_kafka_resp_err_t code) {
    using enum Error::Code;
    switch (code) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED: return {unauthorized, false};

        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR__NOENT:
        case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND: return {not_found, false};

        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE: return {too_large, false};

        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return {timeout, true};

        case RD_KAFKA_RESP_ERR__INVALID_ARG:
        case RD_KAFKA_RESP_ERR__CONFLICT:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
        case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION: return {invalid, false};

        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS: return {conflict, true};
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        case RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH:
        case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
        case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: return {conflict, false};

        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__WAIT_COORD:
        case RD_KAFKA_RESP_ERR__PARTIAL:
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
        case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        case RD_KAFKA_RESP_ERR__FATAL:
        case RD_KAFKA_RESP_ERR__STATE:
        case RD_KAFKA_RESP_ERR__DESTROY:
        case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
        case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
        case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
        case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
        case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
        case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: return {unavailable, true};

        default: return {internal, false};
    }
}

// A secret never shows in a message.
std::string shown(const std::string& name, const std::string& value) {
    const bool secret = name.find("password") != std::string::npos || name.find("secret") != std::string::npos ||
                        name.find(".pem") != std::string::npos || name.find("sasl.") == 0;
    return secret ? name : name + "=" + value;
}

}  // namespace

Result<Configuration> configure(const Settings& settings, const Settings& owned) {
    Configuration configuration(rd_kafka_conf_new());
    std::string problems;
    const auto complain = [&problems](const std::string& setting, std::string_view why) {
        problems.append(problems.empty() ? "" : "; ").append(setting).append(": ").append(why);
    };
    const auto apply = [&](const Settings& layer) {
        for (const auto& [name, value] : layer) {
            std::array<char, 512> reason{};
            if (refused.contains(name)) {
                complain(name, "not allowed");
            } else if (rd_kafka_conf_set(configuration.get(), name.c_str(), value.c_str(), reason.data(),
                                         reason.size()) != RD_KAFKA_CONF_OK) {
                complain(shown(name, value), reason.data());
            }
        }
    };
    apply(defaults);
    apply(settings);
    const auto bootstrap = settings.find("bootstrap.servers");
    if (bootstrap == settings.end() || bootstrap->second.empty()) complain("bootstrap.servers", "missing");
    apply(owned);
    apply({{"log.queue", "true"}});
    rd_kafka_conf_set_log_cb(configuration.get(), nullptr);  // the default one writes to stderr
    if (!problems.empty()) return failure(Error::Code::invalid, "Kafka settings: " + problems);
    return configuration;
}

Result<Client> make_client(rd_kafka_type_t type, Configuration configuration) {
    std::array<char, 512> reason{};
    Client client(rd_kafka_new(type, configuration.get(), reason.data(), reason.size()));
    // Settings that contradict each other, certificates that cannot be read.
    if (!client) return failure(Error::Code::invalid, std::string("Kafka settings: ") + reason.data());
    [[maybe_unused]] rd_kafka_conf_t* owned_by_client = configuration.release();
    return client;
}

void wake_on_event(rd_kafka_queue_t* queue, Wakeup& wakeup) {
    rd_kafka_queue_cb_event_enable(
        queue, [](rd_kafka_t*, void* opaque) { static_cast<Wakeup*>(opaque)->notify(); }, &wakeup);
}

Error to_error(rd_kafka_resp_err_t code, std::string message) {
    const auto [kind, retryable] = classify(code);
    return Error{kind, std::move(message), retryable};
}

Error to_error(const rd_kafka_error_t* error, std::string_view what) {
    Error result = to_error(rd_kafka_error_code(error), std::string(what) + ": " + rd_kafka_error_string(error));
    result.retryable = result.retryable || rd_kafka_error_is_retriable(error) != 0;
    return result;
}

std::optional<ClientError> client_error(rd_kafka_t* client, rd_kafka_event_t* event) {
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_LOG) {
        const char* facility = "";
        const char* line = "";
        int severity = 0;
        if (rd_kafka_event_log(event, &facility, &line, &severity) != 0 || severity > severity_error) return {};
        const std::string_view name(facility);
        if (name == "FAIL" || name == "ERROR" || name == "FATAL") return {};  // is an error event too
        return ClientError{.error = {Error::Code::internal, std::string(name) + ": " + line, true}};
    }
    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_ERROR) return {};

    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    ClientError result;
    std::string message = rd_kafka_event_error_string(event);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        std::array<char, 512> reason{};
        code = rd_kafka_fatal_error(client, reason.data(), reason.size());
        message = reason.data();
        result.fatal = true;
    }
    if (concerns_a_broker(code)) result.broker = broker_in(message);
    // With TLS 1.3 a broker refuses our certificate, or that there is none, after the handshake: librdkafka takes the
    // alert for a lost connection.
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT && message.find("SSL alert number") != std::string::npos) {
        code = RD_KAFKA_RESP_ERR__SSL;
    }
    result.error = to_error(code, std::move(message));
    result.error.retryable = !result.fatal;  // librdkafka goes on trying, even with a password that was refused
    return result;
}

PartitionList list_of(const std::vector<TopicPartition>& partitions) {
    PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const auto& [topic, partition] : partitions) {
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    }
    return list;
}

void set_metadata(rd_kafka_topic_partition_t& partition, std::string_view metadata) {
    if (metadata.empty()) return;
    partition.metadata = std::malloc(metadata.size());  // the list frees it
    if (partition.metadata == nullptr) throw std::bad_alloc();
    std::memcpy(partition.metadata, metadata.data(), metadata.size());
    partition.metadata_size = metadata.size();
}

std::string_view metadata_of(const rd_kafka_topic_partition_t& partition) {
    if (partition.metadata == nullptr) return {};
    return {static_cast<const char*>(partition.metadata), partition.metadata_size};
}

}  // namespace drover::kafka
