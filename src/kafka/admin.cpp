#include "src/kafka/admin.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "src/kafka/client.h"

namespace drover::kafka {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Offsets with a meaning, where a timestamp is expected.
constexpr std::int64_t spec_start = RD_KAFKA_OFFSET_SPEC_EARLIEST;
constexpr std::int64_t spec_end = RD_KAFKA_OFFSET_SPEC_LATEST;

// librdkafka's work on an answer grows with the square of what was asked for.
constexpr std::size_t described_at_once = 100;  // topics
constexpr std::size_t offsets_at_once = 200;    // partitions
constexpr milliseconds between_questions{10};
constexpr milliseconds retry_interval{1500};  // librdkafka connects again within a second (client.cpp)

template <class T, auto destroy>
using Owned = std::unique_ptr<T, Destroyer<destroy>>;
using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using NewPartitions = Owned<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using DeleteTopic = Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using DeleteRecords = Owned<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy>;
using TopicCollection = Owned<rd_kafka_TopicCollection_t, rd_kafka_TopicCollection_destroy>;
using ListGroupOffsets = Owned<rd_kafka_ListConsumerGroupOffsets_t, rd_kafka_ListConsumerGroupOffsets_destroy>;
using AlterGroupOffsets = Owned<rd_kafka_AlterConsumerGroupOffsets_t, rd_kafka_AlterConsumerGroupOffsets_destroy>;

std::string describe(const rd_kafka_topic_partition_t& partition) {
    return std::string(partition.topic) + " partition " + std::to_string(partition.partition);
}

bool is_missing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

// librdkafka answers a request with "timed out" when it had no connection; why it had none comes as an error event,
// on a thread of its own. The last reason is kept here until a request succeeds.
class Reasons {
public:
    void add(ClientError error) {
        const std::lock_guard lock(mutex_);
        ++count_;
        // That all brokers are down, or hang up, says less than that they refused us.
        const bool refused = error.error.code == Error::Code::unauthorized;
        if (last_ && !refused && (error.broker.empty() || last_->code == Error::Code::unauthorized)) return;
        last_ = std::move(error.error);
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        last_.reset();
    }
    std::optional<Error> last() const {
        const std::lock_guard lock(mutex_);
        return last_;
    }
    std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

private:
    mutable std::mutex mutex_;
    std::optional<Error> last_;
    std::size_t count_ = 0;
};

class LibrdkafkaAdmin final : public Admin {
public:
    LibrdkafkaAdmin(std::unique_ptr<Reasons> reasons, Client client, milliseconds timeout)
        : reasons_(std::move(reasons)), client_(std::move(client)), timeout_(timeout) {
        const Queue main(rd_kafka_queue_get_main(client_.get()));
        const Queue background(rd_kafka_queue_get_background(client_.get()));
        rd_kafka_queue_forward(main.get(), background.get());
        rd_kafka_set_log_queue(client_.get(), background.get());
    }

    Result<int> broker_count() override {
        auto answer = ask(RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, "brokers", [&](const auto* options, auto* queue) {
            rd_kafka_DescribeCluster(client_.get(), options, queue);
        });
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        rd_kafka_DescribeCluster_result_nodes(rd_kafka_event_DescribeCluster_result(answer->get()), &count);
        return static_cast<int>(count);
    }

    Result<std::map<std::string, int>> topics(const std::vector<std::string>& names) override {
        std::map<std::string, int> found;
        auto described = for_each_topic(names, [&](const char* name, Partitions partitions) {
            found.emplace(name, static_cast<int>(partitions.size()));
        });
        if (!described) return tl::unexpected(described.error());
        return found;
    }

    Result<std::vector<TopicPartition>> without_leader(const std::vector<std::string>& names) override {
        std::vector<TopicPartition> found;
        auto described = for_each_topic(names, [&](const char* name, Partitions partitions) {
            for (const auto* partition : partitions) {
                const auto* leader = rd_kafka_TopicPartitionInfo_leader(partition);
                if (leader != nullptr && rd_kafka_Node_id(leader) >= 0) continue;
                found.push_back({name, rd_kafka_TopicPartitionInfo_partition(partition)});
            }
        });
        if (!described) return tl::unexpected(described.error());
        return found;
    }

    Result<void> ensure_topics(const std::vector<TopicSpec>& specs) override {
        const auto deadline = Clock::now() + timeout_;
        std::vector<std::string> names;
        for (const auto& spec : specs) names.push_back(spec.topic);
        const auto existing = topics(names);
        if (!existing) return tl::unexpected(existing.error());
        std::vector<NewTopic> missing;
        std::vector<NewPartitions> grown;
        std::array<char, 512> reason{};
        for (const auto& spec : specs) {
            const auto found = existing->find(spec.topic);
            if (found == existing->end()) {
                NewTopic topic(rd_kafka_NewTopic_new(spec.topic.c_str(), spec.partitions, spec.replication_factor,
                                                     reason.data(), reason.size()));
                if (!topic) return failure(Error::Code::invalid, "topic " + spec.topic + ": " + reason.data());
                for (const auto& [name, value] : spec.config) {
                    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
                }
                missing.push_back(std::move(topic));
            } else if (found->second < spec.partitions) {
                grown.emplace_back(rd_kafka_NewPartitions_new(
                    spec.topic.c_str(), static_cast<std::size_t>(spec.partitions), reason.data(), reason.size()));
                if (!grown.back()) return failure(Error::Code::invalid, "topic " + spec.topic + ": " + reason.data());
            }
        }
        if (missing.empty() && grown.empty()) return {};
        if (auto created = create(missing); !created) return created;
        if (auto grew = grow(grown); !grew) return grew;
        return wait_for_topics(specs, names, deadline);
    }

    Result<void> delete_topics(const std::vector<std::string>& names) override {
        if (names.empty()) return {};
        const auto deadline = Clock::now() + timeout_;
        std::vector<DeleteTopic> doomed;
        for (const auto& name : names) doomed.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
        auto raw = pointers(doomed);
        auto answer = ask(RD_KAFKA_ADMIN_OP_DELETETOPICS, "delete topics", [&](const auto* options, auto* queue) {
            rd_kafka_DeleteTopics(client_.get(), raw.data(), raw.size(), options, queue);
        });
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        const auto** results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(answer->get()), &count);
        if (auto deleted = first_error({results, count}, is_missing); !deleted) return deleted;
        for (;;) {  // as after their creation, the brokers are some milliseconds behind
            const auto left = topics(names);
            if (!left) return tl::unexpected(left.error());
            if (left->empty()) return {};
            if (Clock::now() > deadline) {
                return failure(Error::Code::timeout, "topic " + left->begin()->first + ": deleted, but still seen",
                               true);
            }
            std::this_thread::sleep_for(between_questions);
        }
    }

    Result<std::map<TopicPartition, PartitionOffsets>> offsets(const std::vector<TopicPartition>& partitions) override {
        const auto starts = list_offsets(partitions, spec_start);
        if (!starts) return tl::unexpected(starts.error());
        const auto ends = list_offsets(partitions, spec_end);
        if (!ends) return tl::unexpected(ends.error());
        std::map<TopicPartition, PartitionOffsets> result;
        for (const auto& [partition, start] : *starts) {
            const auto end = ends->find(partition);
            if (end != ends->end()) result.emplace(partition, PartitionOffsets{start, end->second});
        }
        return result;
    }

    Result<std::map<TopicPartition, std::int64_t>> offsets_at(const std::vector<TopicPartition>& partitions,
                                                              Time time) override {
        auto found = list_offsets(partitions, std::max<std::int64_t>(to_millis(time), 0));
        if (!found) return found;
        std::vector<TopicPartition> none_after;
        for (const auto& [partition, offset] : *found) {
            if (offset < 0) none_after.push_back(partition);
        }
        const auto ends = list_offsets(none_after, spec_end);
        if (!ends) return tl::unexpected(ends.error());
        for (const auto& partition : none_after) found->erase(partition);
        found->insert(ends->begin(), ends->end());
        return found;
    }

    Result<Positions> group_positions(const std::string& group) override {
        const ListGroupOffsets request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
        auto* raw = request.get();
        auto answer = ask_coordinator(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, "positions of " + group,
                                      [&](const auto* options, auto* queue) {
                                          rd_kafka_ListConsumerGroupOffsets(client_.get(), &raw, 1, options, queue);
                                      });
        // To Kafka a group that never was has no positions; to the embedded broker it is an error.
        if (!answer && answer.error().code == Error::Code::not_found) return Positions();
        if (!answer) return tl::unexpected(answer.error());
        return positions_in(*answer->get());
    }

    Result<std::map<std::string, Positions>> group_positions(const std::vector<std::string>& groups) override {
        const Queue queue(rd_kafka_queue_new(client_.get()));
        std::vector<ListGroupOffsets> requests;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            const AdminOptions options(
                rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS));
            auto set = set_options(*options, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
            if (!set) return tl::unexpected(set.error());
            // NOLINTNEXTLINE(performance-no-int-to-ptr): a number, which comes back with the answer
            rd_kafka_AdminOptions_set_opaque(options.get(), reinterpret_cast<void*>(i));
            requests.emplace_back(rd_kafka_ListConsumerGroupOffsets_new(groups[i].c_str(), nullptr));
            auto* raw = requests.back().get();
            rd_kafka_ListConsumerGroupOffsets(client_.get(), &raw, 1, options.get(), queue.get());
        }
        std::map<std::string, Positions> found;
        const auto deadline = Clock::now() + timeout_;
        for (std::size_t answered = 0; answered < groups.size(); ++answered) {
            const auto left = std::max(std::chrono::ceil<milliseconds>(deadline - Clock::now()), milliseconds(0));
            const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(left.count())));
            if (!event) return timed_out("positions of " + std::to_string(groups.size()) + " groups");
            if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR || group_error(*event.get())) continue;
            auto positions = positions_in(*event.get());
            if (!positions) return tl::unexpected(positions.error());
            found.emplace(groups[reinterpret_cast<std::uintptr_t>(rd_kafka_event_opaque(event.get()))],
                          std::move(*positions));
        }
        // Whatever stood in the way of the others is got over, or told, by asking for each alone.
        for (const std::string& group : groups) {
            if (found.contains(group)) continue;
            auto positions = group_positions(group);
            if (!positions) return tl::unexpected(positions.error());
            found.emplace(group, std::move(*positions));
        }
        return found;
    }

    Result<void> set_group_positions(const std::string& group, const std::vector<Position>& positions) override {
        if (positions.empty()) return {};
        const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
        for (const auto& [partition, offset, metadata] : positions) {
            auto* entry = rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
            entry->offset = offset;
            set_metadata(*entry, metadata);
        }
        const AlterGroupOffsets request(rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get()));
        auto* raw = request.get();
        auto answer = ask_coordinator(RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, "set positions of " + group,
                                      [&](const auto* options, auto* queue) {
                                          rd_kafka_AlterConsumerGroupOffsets(client_.get(), &raw, 1, options, queue);
                                      });
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        const auto** groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
            rd_kafka_event_AlterConsumerGroupOffsets_result(answer->get()), &count);
        return for_each_partition({groups, count}, [](const rd_kafka_topic_partition_t&) {});
    }

    Result<void> delete_records(const std::map<TopicPartition, std::int64_t>& before) override {
        if (before.empty()) return {};
        std::vector<TopicPartition> partitions;
        for (const auto& [partition, offset] : before) partitions.push_back(partition);
        const auto existing = existing_of(partitions);
        if (!existing) return tl::unexpected(existing.error());
        if (existing->size() < partitions.size()) {
            return failure(Error::Code::not_found, "delete records: not all of the partitions exist");
        }
        const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(before.size())));
        for (const auto& [partition, offset] : before) {
            rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
                offset;
        }
        const DeleteRecords request(rd_kafka_DeleteRecords_new(list.get()));
        auto* raw = request.get();
        auto answer = ask(RD_KAFKA_ADMIN_OP_DELETERECORDS, "delete records", [&](const auto* options, auto* queue) {
            rd_kafka_DeleteRecords(client_.get(), &raw, 1, options, queue);
        });
        if (!answer) return tl::unexpected(answer.error());
        const auto* result = rd_kafka_event_DeleteRecords_result(answer->get());
        std::vector<TopicPartition> out_of_range;
        for (const auto& entry : elements(*rd_kafka_DeleteRecords_result_offsets(result))) {
            if (entry.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
                out_of_range.push_back(partition_of(entry));
            } else if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                return tl::unexpected(
                    to_error(entry.err, describe(entry) + ": delete records: " + rd_kafka_err2str(entry.err)));
            }
        }
        return already_deleted(out_of_range, before);
    }

private:
    using Partitions = std::span<const rd_kafka_TopicPartitionInfo_t* const>;

    // Calls `with` for each that exists.
    template <class With>
    Result<void> for_each_topic(const std::vector<std::string>& names, With with) {
        for (std::size_t begin = 0; begin < names.size(); begin += described_at_once) {
            const std::size_t count = std::min(described_at_once, names.size() - begin);
            if (auto some = describe_topics(std::span(names).subspan(begin, count), with); !some) return some;
        }
        return {};
    }

    template <class With>
    Result<void> describe_topics(std::span<const std::string> names, With& with) {
        std::vector<const char*> pointers;
        for (const auto& name : names) pointers.push_back(name.c_str());
        const TopicCollection collection(rd_kafka_TopicCollection_of_topic_names(pointers.data(), pointers.size()));
        auto answer = ask(RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, "topics", [&](const auto* options, auto* queue) {
            rd_kafka_DescribeTopics(client_.get(), collection.get(), options, queue);
        });
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        const auto** topics =
            rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(answer->get()), &count);
        for (const auto* topic : std::span(topics, count)) {
            const auto* error = rd_kafka_TopicDescription_error(topic);
            const auto code = error == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
            if (is_missing(code)) continue;
            const char* name = rd_kafka_TopicDescription_name(topic);
            if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return tl::unexpected(to_error(error, name));
            std::size_t partitions = 0;
            const auto** infos = rd_kafka_TopicDescription_partitions(topic, &partitions);
            with(name, Partitions(infos, partitions));
        }
        return {};
    }

    static Result<Positions> positions_in(rd_kafka_event_t& event) {
        Positions positions;
        std::size_t count = 0;
        const auto** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(&event), &count);
        auto ok = for_each_partition({groups, count}, [&](const rd_kafka_topic_partition_t& entry) {
            if (entry.offset < 0) return;
            positions.emplace(partition_of(entry),
                              Position{partition_of(entry), entry.offset, std::string(metadata_of(entry))});
        });
        if (!ok) return tl::unexpected(ok.error());
        return positions;
    }

    // Sends a request and waits for its answer.
    template <class Send>
    Result<Event> ask(rd_kafka_admin_op_t operation, const std::string& what, Send send) {
        const auto begin = Clock::now();
        const auto reasons_before = reasons_->count();
        const Queue queue(rd_kafka_queue_new(client_.get()));
        const AdminOptions options(rd_kafka_AdminOptions_new(client_.get(), operation));
        if (auto set = set_options(*options, operation); !set) return tl::unexpected(set.error());
        send(options.get(), queue.get());
        for (;;) {
            const auto left = std::chrono::ceil<milliseconds>(begin + timeout_ - Clock::now());
            // In slices: a refused password ends the wait, though librdkafka would go on trying.
            const auto slice = std::clamp(left, milliseconds(0), milliseconds(50));
            Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(slice.count())));
            const bool knows_no_broker = event && rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__PARTIAL;
            if (knows_no_broker && left > milliseconds(0)) {  // it is not registered itself yet
                std::this_thread::sleep_for(between_questions);
                send(options.get(), queue.get());
                continue;
            }
            if (event) return outcome(std::move(event), what);
            if (left <= milliseconds(0)) return timed_out(what);
            // A refusal of an earlier call counts once this one had time for an attempt of its own.
            if (reasons_->count() == reasons_before && left + retry_interval > timeout_) continue;
            const auto reason = reasons_->last();
            if (reason && reason->code == Error::Code::unauthorized) return timed_out(what);
        }
    }

    // A coordinator that moves, or that a young cluster has not made yet, is asked again.
    template <class Send>
    Result<Event> ask_coordinator(rd_kafka_admin_op_t operation, const std::string& what, Send send) {
        const auto deadline = Clock::now() + timeout_;
        for (;;) {
            auto answer = ask(operation, what, send);
            const Error* error = answer ? nullptr : &answer.error();
            std::optional<Error> of_group;
            if (answer) of_group = group_error(*answer->get());
            if (of_group) error = &*of_group;
            if (error == nullptr) return answer;
            if (error->code != Error::Code::unavailable || !error->retryable || Clock::now() > deadline) {
                return tl::unexpected(*error);
            }
            std::this_thread::sleep_for(between_questions);
        }
    }

    // What the coordinator says of the one group of the request.
    static std::optional<Error> group_error(rd_kafka_event_t& event) {
        std::size_t count = 0;
        const rd_kafka_group_result_t** groups = nullptr;
        if (rd_kafka_event_type(&event) == RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT) {
            groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result(&event), &count);
        } else {
            groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
                rd_kafka_event_AlterConsumerGroupOffsets_result(&event), &count);
        }
        const auto* error = count == 0 ? nullptr : rd_kafka_group_result_error(groups[0]);
        if (error == nullptr) return {};
        return to_error(error, std::string("group ") + rd_kafka_group_result_name(groups[0]));
    }

    Result<void> set_options(rd_kafka_AdminOptions_t& options, rd_kafka_admin_op_t operation) {
        std::array<char, 512> reason{};
        const int millis = static_cast<int>(timeout_.count());
        auto code = rd_kafka_AdminOptions_set_request_timeout(&options, millis, reason.data(), reason.size());
        const bool waits_for_controller =
            operation == RD_KAFKA_ADMIN_OP_CREATETOPICS || operation == RD_KAFKA_ADMIN_OP_DELETETOPICS ||
            operation == RD_KAFKA_ADMIN_OP_CREATEPARTITIONS || operation == RD_KAFKA_ADMIN_OP_DELETERECORDS;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && waits_for_controller) {
            code = rd_kafka_AdminOptions_set_operation_timeout(&options, millis, reason.data(), reason.size());
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return tl::unexpected(to_error(code, reason.data()));
        if (operation == RD_KAFKA_ADMIN_OP_LISTOFFSETS) {
            const ApiError error(
                rd_kafka_AdminOptions_set_isolation_level(&options, RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED));
            if (error) return tl::unexpected(to_error(error.get(), "isolation level"));
        }
        return {};
    }

    Result<Event> outcome(Event event, const std::string& what) {
        const auto code = rd_kafka_event_error(event.get());
        if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) return timed_out(what);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return tl::unexpected(to_error(code, what + ": " + rd_kafka_event_error_string(event.get())));
        }
        reasons_->clear();
        return event;
    }

    tl::unexpected<Error> timed_out(const std::string& what) const {
        if (const auto reason = reasons_->last()) return failure(reason->code, what + ": " + reason->message, true);
        return failure(Error::Code::timeout, what + ": no answer within " + std::to_string(timeout_.count()) + " ms",
                       true);
    }

    // Missing partitions are not in the answer. librdkafka remembers for a while that a topic did not exist: those that
    // do by now are asked for again.
    Result<std::map<TopicPartition, std::int64_t>> list_offsets(const std::vector<TopicPartition>& partitions,
                                                                std::int64_t spec) {
        auto offsets = ask_offsets(partitions, spec, false);
        if (!offsets || offsets->size() >= partitions.size()) return offsets;
        std::vector<TopicPartition> missing;
        for (const auto& partition : partitions) {
            if (!offsets->contains(partition)) missing.push_back(partition);
        }
        const auto known = existing_of(missing);
        if (!known) return tl::unexpected(known.error());
        auto more = ask_offsets(*known, spec, true);
        if (!more) return more;
        offsets->merge(*more);
        return offsets;
    }

    // As the brokers see it now; librdkafka's own memory of it is made new by this.
    Result<std::vector<TopicPartition>> existing_of(const std::vector<TopicPartition>& partitions) {
        std::vector<std::string> names;
        for (const auto& partition : partitions) names.push_back(partition.topic);
        std::ranges::sort(names);
        names.erase(std::unique(names.begin(), names.end()), names.end());
        const auto counts = topics(names);
        if (!counts) return tl::unexpected(counts.error());
        std::vector<TopicPartition> existing;
        for (const auto& partition : partitions) {
            const auto count = counts->find(partition.topic);
            if (count != counts->end() && partition.partition < count->second) existing.push_back(partition);
        }
        return existing;
    }

    // Without those that are missing. Where they are known to `exist`, that none can be asked for is an error.
    Result<std::map<TopicPartition, std::int64_t>> ask_offsets(std::span<const TopicPartition> partitions,
                                                               std::int64_t spec, bool exist) {
        std::map<TopicPartition, std::int64_t> offsets;
        for (std::size_t begin = 0; begin < partitions.size(); begin += offsets_at_once) {
            const std::size_t count = std::min(offsets_at_once, partitions.size() - begin);
            auto some = ask_some_offsets(partitions.subspan(begin, count), spec, exist);
            if (!some) return some;
            offsets.merge(*some);
        }
        return offsets;
    }

    Result<std::map<TopicPartition, std::int64_t>> ask_some_offsets(std::span<const TopicPartition> partitions,
                                                                    std::int64_t spec, bool exist) {
        std::map<TopicPartition, std::int64_t> offsets;
        const PartitionList list = list_of({partitions.begin(), partitions.end()});
        for (auto& entry : elements(*list)) entry.offset = spec;
        auto answer = ask(RD_KAFKA_ADMIN_OP_LISTOFFSETS, "offsets", [&](const auto* options, auto* queue) {
            rd_kafka_ListOffsets(client_.get(), list.get(), options, queue);
        });
        // That none of the partitions has a leader is an error of the whole.
        if (!answer && answer.error().code == Error::Code::not_found) {
            if (!exist) return offsets;
            return failure(Error::Code::unavailable,
                           partitions.front().topic + " partition " + std::to_string(partitions.front().partition) +
                               ": offsets: it has no leader",
                           true);
        }
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        const auto** infos =
            rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(answer->get()), &count);
        for (const auto* info : std::span(infos, count)) {
            const auto& entry = *rd_kafka_ListOffsetsResultInfo_topic_partition(info);
            if (is_missing(entry.err)) continue;
            if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                return tl::unexpected(
                    to_error(entry.err, describe(entry) + ": offsets: " + rd_kafka_err2str(entry.err)));
            }
            offsets.emplace(partition_of(entry), entry.offset);
        }
        return offsets;
    }

    Result<void> create(const std::vector<NewTopic>& topics) {
        if (topics.empty()) return {};
        auto raw = pointers(topics);
        auto answer = ask(RD_KAFKA_ADMIN_OP_CREATETOPICS, "create topics", [&](const auto* options, auto* queue) {
            rd_kafka_CreateTopics(client_.get(), raw.data(), raw.size(), options, queue);
        });
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        const auto** results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer->get()), &count);
        // Somebody else was first, which is as good.
        return first_error({results, count},
                           [](rd_kafka_resp_err_t code) { return code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS; });
    }

    Result<void> grow(const std::vector<NewPartitions>& topics) {
        if (topics.empty()) return {};
        auto raw = pointers(topics);
        auto answer = ask(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, "add partitions", [&](const auto* options, auto* queue) {
            rd_kafka_CreatePartitions(client_.get(), raw.data(), raw.size(), options, queue);
        });
        if (!answer) return tl::unexpected(answer.error());
        std::size_t count = 0;
        const auto** results =
            rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(answer->get()), &count);
        // Somebody else was first, or the brokers' view that we decided upon was an old one. What there is in the end
        // is seen by wait_for_topics().
        return first_error({results, count},
                           [](rd_kafka_resp_err_t code) { return code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS; });
    }

    // A controller's answer is ahead of the brokers by some milliseconds, in which a topic would be unknown to them.
    Result<void> wait_for_topics(const std::vector<TopicSpec>& specs, const std::vector<std::string>& names,
                                 Clock::time_point deadline) {
        for (;;) {
            const auto seen = topics(names);
            if (!seen) return tl::unexpected(seen.error());
            const auto lacking = std::ranges::find_if(specs, [&](const TopicSpec& spec) {
                const auto found = seen->find(spec.topic);
                return found == seen->end() || found->second < spec.partitions;
            });
            if (lacking == specs.end()) return {};
            if (Clock::now() > deadline) {
                return failure(Error::Code::timeout, "topic " + lacking->topic + ": created, but not seen yet", true);
            }
            std::this_thread::sleep_for(between_questions);
        }
    }

    // Below the start Kafka says that all is well, the embedded broker that the offset is out of range; past the end
    // both say the latter.
    Result<void> already_deleted(const std::vector<TopicPartition>& partitions,
                                 const std::map<TopicPartition, std::int64_t>& before) {
        const auto starts = list_offsets(partitions, spec_start);
        if (!starts) return tl::unexpected(starts.error());
        for (const auto& partition : partitions) {
            const auto start = starts->find(partition);
            if (start != starts->end() && before.at(partition) <= start->second) continue;
            return failure(Error::Code::invalid, partition.topic + " partition " + std::to_string(partition.partition) +
                                                     ": delete records: offset out of range");
        }
        return {};
    }

    template <class Ignored>
    static Result<void> first_error(std::span<const rd_kafka_topic_result_t*> results, Ignored ignored) {
        for (const auto* result : results) {
            const auto code = rd_kafka_topic_result_error(result);
            if (code == RD_KAFKA_RESP_ERR_NO_ERROR || ignored(code)) continue;
            const char* why = rd_kafka_topic_result_error_string(result);
            return tl::unexpected(to_error(code, std::string("topic ") + rd_kafka_topic_result_name(result) + ": " +
                                                     (why == nullptr ? rd_kafka_err2str(code) : why)));
        }
        return {};
    }

    template <class Use>
    static Result<void> for_each_partition(std::span<const rd_kafka_group_result_t*> groups, Use use) {
        for (const auto* group : groups) {
            const std::string name = std::string("group ") + rd_kafka_group_result_name(group);
            const auto* list = rd_kafka_group_result_partitions(group);
            if (list == nullptr) continue;
            for (const auto& entry : elements(*list)) {
                if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                    return tl::unexpected(
                        to_error(entry.err, name + ": " + describe(entry) + ": " + rd_kafka_err2str(entry.err)));
                }
                use(entry);
            }
        }
        return {};
    }

    template <class Handle>
    static std::vector<typename Handle::pointer> pointers(const std::vector<Handle>& handles) {
        std::vector<typename Handle::pointer> raw;
        for (const auto& handle : handles) raw.push_back(handle.get());
        return raw;
    }

    std::unique_ptr<Reasons> reasons_;  // outlives the client, whose thread writes it
    Client client_;
    milliseconds timeout_;
};

void on_background_event(rd_kafka_t* client, rd_kafka_event_t* raw, void* opaque) {
    const Event event(raw);
    if (auto error = client_error(client, event.get())) static_cast<Reasons*>(opaque)->add(std::move(*error));
}

}  // namespace

Result<std::unique_ptr<Admin>> Admin::connect(const Settings& settings, milliseconds timeout) {
    // A consumer in a group that it never joins: without one, librdkafka 2.12.1 crashes when a coordinator that was
    // asked for positions says that it is none (rd_kafka_handle_OffsetFetch).
    auto configuration = configure(settings, {{"group.id", "drover.admin"}});
    if (!configuration) return tl::unexpected(configuration.error());
    auto reasons = std::make_unique<Reasons>();
    rd_kafka_conf_set_opaque(configuration->get(), reasons.get());
    rd_kafka_conf_set_events(configuration->get(), RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_background_event_cb(configuration->get(), on_background_event);
    auto client = make_client(RD_KAFKA_CONSUMER, std::move(*configuration));
    if (!client) return tl::unexpected(client.error());
    auto admin = std::make_unique<LibrdkafkaAdmin>(std::move(reasons), std::move(*client), timeout);
    if (auto brokers = admin->broker_count(); !brokers) return tl::unexpected(brokers.error());
    return admin;
}

}  // namespace drover::kafka
