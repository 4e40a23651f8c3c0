// The sidecar's membership in one consumer group, as events for the engine: which partitions it holds, from where they
// are read, and what of them is committed. Room: sidecar. Owner thread: the loop.
//
// A partition's way:  Assigned by the group → position read → Assigned for the engine, fetching starts
//                     → Revoking: fetching stops, the engine finishes and commits → Release → back to the group
//
// Fetching starts a little below the committed offset: what the last owner finished is read back, so that a job that
// comes again is recognised across a change of owner too.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/core/delivery_engine.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/group_member.h"

namespace drover::sidecar {

class Subscription {
public:
    // `steps`: the topics, each with its retry step; zero for a lane's topic, and then `lane` is which.
    // `next_assignment` is shared by all subscriptions of a sidecar.
    Subscription(std::unique_ptr<kafka::GroupMember> member, kafka::Fetcher& fetcher,
                 std::map<std::string, Duration> steps, std::size_t lane, AssignmentId& next_assignment);

    // What the group said since the last call, as events for the engine.
    void poll(Time now, std::vector<Event>& events);

    // The engine's actions. Commits are sent by flush(), together.
    bool holds(AssignmentId assignment) const { return partitions_by_id_.contains(assignment); }
    void commit(const action::Commit& commit);
    void flush();
    void release(AssignmentId assignment);

    // What was fetched of a partition that reads back: takes what lies below the committed offset out of it, for the
    // engine to know.
    bool reads_back(AssignmentId assignment) const { return reading_back_.contains(assignment); }
    void read_back(AssignmentId assignment, std::vector<kafka::Fetcher::Fetched>& fetched, std::vector<Event>& events);

    // The offset to read does not exist: goes on at the first that does.
    void restart_at_earliest(AssignmentId assignment, const std::string& why, std::vector<Event>& events);

    void close();
    bool closed() const { return closed_; }
    bool joined() const { return joined_; }
    bool retries() const {
        return std::ranges::any_of(steps_, [](const auto& each) { return each.second > Duration{0}; });
    }
    std::size_t held() const { return partitions_by_id_.size(); }
    const kafka::TopicPartition* partition(AssignmentId assignment) const;
    const std::string& trouble() const { return trouble_; }  // the last that the group reported, "" when it is well

private:
    struct Owned {
        AssignmentId id = 0;  // 0: its position is not known yet
        bool revoking = false;
    };

    struct ReadBack {
        std::int64_t committed = 0;
        std::size_t bytes = 0;
    };

    void on(const kafka::group_event::Assigned& assigned, std::vector<Event>& events);
    void on(const kafka::group_event::Revoking& revoking, std::vector<Event>& events);
    void on(const kafka::group_event::Lost& lost, std::vector<Event>& events);
    void on(const kafka::group_event::Committed& committed, std::vector<Event>& events);
    void on(const kafka::group_event::Positions& positions, std::vector<Event>& events);
    void on(const kafka::group_event::Trouble& trouble, std::vector<Event>& events);
    void on(const kafka::group_event::Closed& closed, std::vector<Event>& events);

    void start(const kafka::TopicPartition& partition, Owned& owned, std::int64_t offset, std::int64_t committed,
               jobqueue::CommitMetadata metadata, std::vector<Event>& events);
    void go_on_at_committed(AssignmentId assignment);
    void forget(const kafka::TopicPartition& partition);
    void lose(const kafka::TopicPartition& partition, std::vector<Event>& events);

    std::unique_ptr<kafka::GroupMember> member_;
    kafka::Fetcher& fetcher_;
    std::map<std::string, Duration> steps_;
    std::size_t lane_;
    AssignmentId& next_assignment_;
    std::map<kafka::TopicPartition, Owned> partitions_;
    std::map<AssignmentId, kafka::TopicPartition> partitions_by_id_;
    std::map<AssignmentId, ReadBack> reading_back_;  // those that are not through with it
    std::vector<kafka::Position> commits_;
    std::vector<kafka::TopicPartition> unread_;  // their position could not be read
    Time read_again_at_{};
    Time now_{};
    std::string trouble_;
    bool joined_ = false;
    bool closed_ = false;
};

}  // namespace drover::sidecar
