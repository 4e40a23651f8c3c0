// What our clients of librdkafka share: owners of its handles, configuration, errors. Private to the room kafka: no
// other room includes it, so that librdkafka's types end here.
//
// librdkafka's log lines do not reach stderr. They are events of the client's queue; those of severity "error" and
// worse become ClientErrors, except the ones that librdkafka reports as an error event too; the rest are dropped, and
// all of an Admin's, whose calls say what went wrong.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "src/base/result.h"
#include "src/kafka/settings.h"
#include "src/kafka/wakeup.h"

namespace drover::kafka {

template <auto destroy>
struct Destroyer {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};

using Queue = std::unique_ptr<rd_kafka_queue_t, Destroyer<rd_kafka_queue_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroyer<rd_kafka_topic_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroyer<rd_kafka_event_destroy>>;
using PartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Destroyer<rd_kafka_topic_partition_list_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Destroyer<rd_kafka_AdminOptions_destroy>>;
using ApiError = std::unique_ptr<rd_kafka_error_t, Destroyer<rd_kafka_error_destroy>>;
using Configuration = std::unique_ptr<rd_kafka_conf_t, Destroyer<rd_kafka_conf_destroy>>;

// Does not leave the group: a member closes before (group_member.h), the other consumers are in none.
struct DestroyClient {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;

// The user's settings, on top of ours that are only a better default, and below `owned`, which the client depends on.
// An Error of code invalid lists everything that librdkafka refuses, by name.
Result<Configuration> configure(const Settings& settings, const Settings& owned);

Result<Client> make_client(rd_kafka_type_t type, Configuration configuration);

// Calls wakeup.notify() when the queue stops being empty. The wakeup must outlive the client.
void wake_on_event(rd_kafka_queue_t* queue, Wakeup& wakeup);

Error to_error(rd_kafka_resp_err_t code, std::string message);
Error to_error(const rd_kafka_error_t* error, std::string_view what);

// What an ERROR or LOG event says; nothing for an event of another type, or when it says nothing new.
std::optional<ClientError> client_error(rd_kafka_t* client, rd_kafka_event_t* event);

PartitionList list_of(const std::vector<TopicPartition>& partitions);
void set_metadata(rd_kafka_topic_partition_t& partition, std::string_view metadata);
std::string_view metadata_of(const rd_kafka_topic_partition_t& partition);
inline TopicPartition partition_of(const rd_kafka_topic_partition_t& partition) {
    return {partition.topic, partition.partition};
}

// For range-for over librdkafka's lists.
inline std::span<rd_kafka_topic_partition_t> elements(rd_kafka_topic_partition_list_t& list) {
    return {list.elems, static_cast<std::size_t>(list.cnt)};
}
inline std::span<const rd_kafka_topic_partition_t> elements(const rd_kafka_topic_partition_list_t& list) {
    return {list.elems, static_cast<std::size_t>(list.cnt)};
}

}  // namespace drover::kafka
