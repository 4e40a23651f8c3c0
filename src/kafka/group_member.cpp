#include "src/kafka/group_member.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "src/kafka/client.h"

namespace drover::kafka {

namespace {

constexpr std::size_t max_metadata = 4096;  // Kafka's default for offset.metadata.max.bytes
constexpr std::chrono::milliseconds read_timeout{10'000};

std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_t& list) {
    std::vector<TopicPartition> result;
    for (const auto& partition : elements(list)) result.push_back(partition_of(partition));
    return result;
}

std::string describe(const TopicPartition& partition) {
    return partition.topic + " partition " + std::to_string(partition.partition);
}

// Numbers of calls travel through librdkafka as its opaque pointers.
void* to_opaque(std::uintptr_t call) { return reinterpret_cast<void*>(call); }  // NOLINT(performance-no-int-to-ptr)
std::uintptr_t from_opaque(void* opaque) { return reinterpret_cast<std::uintptr_t>(opaque); }

class LibrdkafkaMember final : public GroupMember {
public:
    LibrdkafkaMember(Client client, std::string group, Wakeup& wakeup)
        : client_(std::move(client)), group_(std::move(group)), wakeup_(wakeup) {
        rd_kafka_poll_set_consumer(client_.get());
        queue_ = Queue(rd_kafka_queue_get_consumer(client_.get()));
        rd_kafka_set_log_queue(client_.get(), queue_.get());
        wake_on_event(queue_.get(), wakeup_);
    }

    // librdkafka cannot be destroyed while one of its rebalances has no answer, and the next one may be on its way: so
    // the group is left in order, even from here.
    ~LibrdkafkaMember() override {
        rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
        close();
        while (rd_kafka_consumer_closed(client_.get()) == 0) {
            if (revoke_) answer_revoke();
            if (const Event event{rd_kafka_queue_poll(queue_.get(), 100)}) handle(*event);
        }
    }

    Result<void> subscribe(const std::vector<std::string>& topics) {
        const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
        for (const auto& topic : topics) {
            rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
        }
        const auto code = rd_kafka_subscribe(client_.get(), list.get());
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return tl::unexpected(to_error(code, "group " + group_ + ": subscribe: " + rd_kafka_err2str(code)));
        }
        return {};
    }

    std::vector<GroupEvent> poll() override {
        while (const Event event{rd_kafka_queue_poll(queue_.get(), 0)}) handle(*event);
        if (closing_ && !closed_ && rd_kafka_consumer_closed(client_.get()) != 0) {
            closed_ = true;
            happened_.emplace_back(group_event::Closed{});
        }
        return std::exchange(happened_, {});
    }

    void release(const std::vector<TopicPartition>& partitions) override {
        if (!revoke_) return;
        for (const auto& partition : partitions) unreleased_.erase(partition);
        if (!unreleased_.empty()) return;
        answer_revoke();
    }

    void commit(const std::vector<Position>& positions) override {
        group_event::Committed refused;
        const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
        for (const auto& [partition, offset, metadata] : positions) {
            if (metadata.size() > max_metadata) {
                // Kafka's default limit: it would refuse the partition too.
                refused.partitions.emplace_back(
                    partition, Error{Error::Code::too_large, describe(partition) + ": metadata of " +
                                                                 std::to_string(metadata.size()) + " bytes"});
                continue;
            }
            auto* entry = rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
            entry->offset = offset;
            set_metadata(*entry, metadata);
        }
        if (list->cnt == 0) return report(std::move(refused));

        const std::uintptr_t call = ++last_call_;
        const auto code = rd_kafka_commit_queue(client_.get(), list.get(), queue_.get(), nullptr, to_opaque(call));
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            add_outcomes(*list, code, refused);
            return report(std::move(refused));
        }
        if (!refused.partitions.empty()) refused_.emplace(call, std::move(refused));
    }

    void read_positions(const std::vector<TopicPartition>& partitions) override {
        if (partitions.empty()) return report(group_event::Positions{});
        const std::uintptr_t call = ++last_call_;
        const AdminOptions options(
            rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS));
        std::array<char, 256> reason{};
        rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(read_timeout.count()), reason.data(),
                                                  reason.size());
        // Offsets that an open transaction is about to change are not answered, but retried.
        const ApiError refused{rd_kafka_AdminOptions_set_require_stable_offsets(options.get(), 1)};
        rd_kafka_AdminOptions_set_opaque(options.get(), to_opaque(call));
        const PartitionList list = list_of(partitions);
        auto* request = rd_kafka_ListConsumerGroupOffsets_new(group_.c_str(), list.get());
        rd_kafka_ListConsumerGroupOffsets(client_.get(), &request, 1, options.get(), queue_.get());
        rd_kafka_ListConsumerGroupOffsets_destroy(request);
        reads_.emplace(call, partitions);
    }

    void close() override {
        if (std::exchange(closing_, true)) return;
        if (const ApiError error{rd_kafka_consumer_close_queue(client_.get(), queue_.get())}) {
            report(group_event::Trouble{{.error = to_error(error.get(), "closing " + group_)}});
        }
        wakeup_.notify();
    }

private:
    void handle(rd_kafka_event_t& event) {
        switch (rd_kafka_event_type(&event)) {
            case RD_KAFKA_EVENT_REBALANCE: return rebalance(event);
            case RD_KAFKA_EVENT_OFFSET_COMMIT: return committed(event);
            case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT: return positions(event);
            default: break;
        }
        // What is left are errors, log lines, and the few records that came before a partition was paused, which
        // whoever reads the partition reads again.
        if (auto error = client_error(client_.get(), &event)) happened_.emplace_back(group_event::Trouble{*error});
    }

    void rebalance(rd_kafka_event_t& event) {
        auto* list = rd_kafka_event_topic_partition_list(&event);
        if (rd_kafka_event_error(&event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
            for (auto& partition : elements(*list)) partition.offset = RD_KAFKA_OFFSET_END;
            if (const ApiError error{rd_kafka_incremental_assign(client_.get(), list)}) return fail("assign", *error);
            rd_kafka_pause_partitions(client_.get(), list);
            happened_.emplace_back(group_event::Assigned{partitions_of(*list)});  // of none: a spare member
            return;
        }
        revoke_ = PartitionList(rd_kafka_topic_partition_list_copy(list));
        auto partitions = partitions_of(*list);
        if (rd_kafka_assignment_lost(client_.get()) != 0) {
            answer_revoke();
            if (!partitions.empty()) happened_.emplace_back(group_event::Lost{std::move(partitions)});
            return;
        }
        unreleased_ = {partitions.begin(), partitions.end()};
        if (partitions.empty()) return answer_revoke();
        happened_.emplace_back(group_event::Revoking{std::move(partitions)});
    }

    // Once, with the whole list: librdkafka takes any unassign, an empty one too, as the answer.
    void answer_revoke() {
        const PartitionList list = std::move(revoke_);
        unreleased_.clear();
        if (const ApiError error{rd_kafka_incremental_unassign(client_.get(), list.get())}) fail("unassign", *error);
    }

    void committed(rd_kafka_event_t& event) {
        group_event::Committed outcome;
        if (auto node = refused_.extract(from_opaque(rd_kafka_event_opaque(&event))))
            outcome = std::move(node.mapped());
        if (const auto* list = rd_kafka_event_topic_partition_list(&event)) {
            add_outcomes(*list, rd_kafka_event_error(&event), outcome);
        }
        happened_.emplace_back(std::move(outcome));
    }

    // The code of the whole request is that of the last partition that failed; where none has one of its own, it is
    // everybody's.
    static void add_outcomes(const rd_kafka_topic_partition_list_t& list, rd_kafka_resp_err_t request,
                             group_event::Committed& outcome) {
        const auto partitions = elements(list);
        const bool own_errors = std::ranges::any_of(
            partitions, [](const auto& partition) { return partition.err != RD_KAFKA_RESP_ERR_NO_ERROR; });
        for (const auto& partition : partitions) {
            const auto code = own_errors ? partition.err : request;
            std::optional<Error> error;
            if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
                error = to_error(code, describe(partition_of(partition)) + ": commit: " + rd_kafka_err2str(code));
            }
            outcome.partitions.emplace_back(partition_of(partition), std::move(error));
            if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
                outcome.unknown_member = true;
            }
        }
    }

    void positions(rd_kafka_event_t& event) {
        auto node = reads_.extract(from_opaque(rd_kafka_event_opaque(&event)));
        if (node.empty()) return;
        std::map<TopicPartition, Result<std::optional<Position>>> answers;
        std::optional<Error> failed;
        if (const auto code = rd_kafka_event_error(&event); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            failed = to_error(code, "positions of " + group_ + ": " + rd_kafka_event_error_string(&event));
        } else {
            std::size_t count = 0;
            const auto* result = rd_kafka_event_ListConsumerGroupOffsets_result(&event);
            const auto** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
            const auto* list = rd_kafka_group_result_partitions(groups[0]);
            if (const auto* error = rd_kafka_group_result_error(groups[0])) {
                failed = to_error(error, "positions of " + group_);
            } else if (list != nullptr) {
                for (const auto& entry : elements(*list)) {
                    answers.insert_or_assign(partition_of(entry), position(entry));
                }
            }
        }
        group_event::Positions outcome;
        for (auto& partition : node.mapped()) {
            const auto answer = answers.find(partition);
            Result<std::optional<Position>> value;
            if (failed) {
                value = tl::unexpected(*failed);
            } else if (answer != answers.end()) {
                value = std::move(answer->second);
            } else {
                value = failure(Error::Code::internal, describe(partition) + ": Kafka did not answer", true);
            }
            outcome.partitions.emplace_back(std::move(partition), std::move(value));
        }
        happened_.emplace_back(std::move(outcome));
    }

    static Result<std::optional<Position>> position(const rd_kafka_topic_partition_t& entry) {
        if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return tl::unexpected(
                to_error(entry.err, describe(partition_of(entry)) + ": position: " + rd_kafka_err2str(entry.err)));
        }
        if (entry.offset < 0) return std::nullopt;
        return Position{partition_of(entry), entry.offset, std::string(metadata_of(entry))};
    }

    void fail(std::string_view what, const rd_kafka_error_t& error) {
        happened_.emplace_back(
            group_event::Trouble{{.error = to_error(&error, "group " + group_ + ": " + std::string(what)),
                                  .fatal = rd_kafka_error_is_fatal(&error) != 0}});
    }

    void report(GroupEvent event) {
        happened_.push_back(std::move(event));
        wakeup_.notify();
    }

    Client client_;
    std::string group_;
    Wakeup& wakeup_;
    Queue queue_;  // of everything: rebalances, answers, errors
    std::vector<GroupEvent> happened_;
    PartitionList revoke_;                                      // the event that waits for its answer
    std::set<TopicPartition> unreleased_;                       // of it
    std::map<std::uintptr_t, group_event::Committed> refused_;  // by call: what we did not send
    std::map<std::uintptr_t, std::vector<TopicPartition>> reads_;
    std::uintptr_t last_call_ = 0;
    bool closing_ = false;
    bool closed_ = false;
};

}  // namespace

Result<std::unique_ptr<GroupMember>> GroupMember::join(const Settings& settings, const GroupOptions& options,
                                                       Wakeup& wakeup) {
    auto configuration =
        configure(settings, {{"group.id", options.group},
                             {"group.protocol", "classic"},
                             {"partition.assignment.strategy", "cooperative-sticky"},
                             {"session.timeout.ms", std::to_string(options.session_timeout.count())},
                             {"heartbeat.interval.ms", std::to_string(options.heartbeat_interval.count())},
                             {"max.poll.interval.ms", std::to_string(options.max_poll_interval.count())},
                             {"enable.auto.commit", "false"},
                             {"enable.auto.offset.store", "false"},
                             {"enable.partition.eof", "false"},
                             {"allow.auto.create.topics", "false"},
                             // How soon a topic that was missing, or a partition that was added, is seen.
                             {"topic.metadata.refresh.interval.ms", "3000"},
                             {"queued.min.messages", "1"}});
    if (!configuration) return tl::unexpected(configuration.error());
    rd_kafka_conf_set_events(configuration->get(),
                             RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR);
    auto client = make_client(RD_KAFKA_CONSUMER, std::move(*configuration));
    if (!client) return tl::unexpected(client.error());
    auto member = std::make_unique<LibrdkafkaMember>(std::move(*client), options.group, wakeup);
    if (auto subscribed = member->subscribe(options.topics); !subscribed) return tl::unexpected(subscribed.error());
    return member;
}

}  // namespace drover::kafka
